"""Every format that is promised, through the way in."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from engine.api import Image, Sound, Video
from server.media.job import Kind
from tests.media.formats import NAMES, sample
from tests.media.samples import audio_part, decoded, image_part, refusal, video_part

pytestmark = pytest.mark.anyio

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(200)


@pytest.mark.parametrize(("kind", "name"), NAMES)
async def test_every_format(kind: Kind, name: str) -> None:
    data = sample(kind, name)
    match kind:
        case "image":
            [image] = await decoded(image_part(data))
            assert isinstance(image, Image)
            assert image.pixels.shape == (30, 40, 3)
            assert image.pixels[28, 2].astype(int) == pytest.approx([224, 12, 128], abs=40)
        case "sound":
            [sound] = await decoded(audio_part(data))
            assert isinstance(sound, Sound)
            assert len(sound.samples) == pytest.approx(8_000, abs=2_000)
            assert np.abs(np.fft.rfft(sound.samples[:4_000])).argmax() == 110  # of quarters of 440 Hz
        case _:
            video, sound = await decoded(video_part(data))
            assert isinstance(video, Video)
            assert video.frames.shape == (64, 48, 64, 3)
            assert len(sound.samples) == pytest.approx(16_000, abs=2_000)


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is not None, reason="the extra `heic` is installed")
async def test_heic_without_its_extra_says_so() -> None:
    error = await refusal(image_part(HEIC))
    assert (error.status, error.why) == (
        400,
        "this server does not read HEIC images (its operator can install the extra 'heic'); send a JPEG.",
    )
