"""Attachments for the tests of the media package: parts around files, small files, and what the golden set says."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from engine.api import Image, Sound, Video
from server.media.decoders import Decoders
from server.media.errors import MediaError
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from server.media.sources import Fetch

GOLDEN = Path(__file__).parents[1] / "golden"
INPUTS = GOLDEN / "inputs"
CASES: dict[str, Any] = json.loads((GOLDEN / "cases.json").read_text(encoding="utf-8"))

Part = dict[str, Any]

DECODERS = Decoders()
"""Those of all tests: starting one costs half a second. tests/media/conftest.py closes them."""


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_uri(data: bytes, media_type: str = "application/octet-stream") -> str:
    return f"data:{media_type};base64,{base64_of(data)}"


def image_part(data: bytes) -> Part:
    return {"type": "image_url", "image_url": {"url": data_uri(data, "image/png"), "detail": "auto"}}


def audio_part(data: bytes) -> Part:
    return {"type": "audio_url", "audio_url": {"url": data_uri(data, "audio/wav")}}


def input_audio_part(data: bytes, format: str) -> Part:
    return {"type": "input_audio", "input_audio": {"data": base64_of(data), "format": format}}


def video_part(data: bytes, **beside: Any) -> Part:
    return {"type": "video_url", "video_url": {"url": data_uri(data, "video/mp4")}, **beside}


async def decoded(*parts: Any, limits: MediaLimits | None = None) -> list[Any]:
    """The content that a user message made of `parts` decodes to."""
    [message] = await decode_messages([{"role": "user", "content": list(parts)}], limits)
    content: list[Any] = message["content"]
    return content


async def decode_messages(
    messages: list[Any], limits: MediaLimits | None = None, fetch: Fetch | None = None
) -> list[dict[str, Any]]:
    """What an app makes of `messages` that sees them first."""
    async with Attachments(limits or MediaLimits(), fetch, decoders=DECODERS) as attachments:
        return await attachments.decode(messages)


async def refusal(*parts: Any, limits: MediaLimits | None = None) -> MediaError:
    """The error that a user message made of `parts` ends in."""
    try:
        content = await decoded(*parts, limits=limits)
    except MediaError as error:
        return error
    raise AssertionError(f"accepted: {content}")


async def decoded_image(data: bytes) -> npt.NDArray[np.uint8]:
    [image] = await decoded(image_part(data))
    assert isinstance(image, Image)
    assert image.pixels.dtype == np.uint8
    assert image.pixels.ndim == 3
    return image.pixels


async def decoded_sound(data: bytes) -> npt.NDArray[np.float32]:
    [sound] = await decoded(audio_part(data))
    assert isinstance(sound, Sound)
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    return sound.samples


async def decoded_video(data: bytes, **beside: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32] | None]:
    video, *sounds = await decoded(video_part(data, **beside))
    assert isinstance(video, Video)
    assert video.frames.shape[0] == 64
    assert len(sounds) <= 1
    return video.frames, sounds[0].samples if sounds else None


def made(path: Path, *arguments: str) -> bytes:
    """The file that ffmpeg writes to `path` when given `arguments`."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, str(path)], check=True)
    return path.read_bytes()


TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=1")


def pictures(size: str = "64x48", rate: int = 10, seconds: float = 1) -> tuple[str, ...]:
    """ffmpeg's moving test picture as an input."""
    return ("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}")


class GoldenSound:
    """What the reference hears of a file: every `step`-th of `length` samples."""

    def __init__(self, stem: str) -> None:
        name = f"aud/{stem}/wave16k"
        spec = CASES["tensors"][name]
        [self.length] = spec["shape"]
        self.step: int = spec["step"]
        self.samples: npt.NDArray[np.float32] = load_file(GOLDEN / "tensors.safetensors")[name]

    def error(self, samples: npt.NDArray[np.float32]) -> float:
        """Largest difference over what both have; a recording that is cut is compared as far as it goes."""
        ours = samples[:: self.step]
        return float(np.abs(ours - self.samples[: len(ours)]).max())
