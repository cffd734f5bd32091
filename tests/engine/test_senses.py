"""Encoders and projectors against the reference's recorded outputs (docs/parity.md)."""

from __future__ import annotations

import hashlib

import numpy as np
import PIL.Image
import pytest
import torch

from engine.model.beats import KaldiFbank
from engine.model.plain import PlainOla
from engine.model.senses import Hearing, chunked, normalise
from engine.model.whisper import LogMel
from engine.preprocess import (
    MAX_SOUND_SAMPLES,
    frame_size,
    image_rows,
    image_views,
    sound_rows,
    video_frames,
    video_rows,
)
from tests import golden_media, golden_set
from tests.engine.small_checkpoint import Recipe

TOLERANCE = 1e-3

IMAGES = golden_set.index()["images"]
SOUNDS = golden_set.index()["audio"]
VIDEOS = golden_set.index()["videos"]


@pytest.mark.parametrize("stem", IMAGES)
def test_image_pixels_are_exact_and_features_agree(plain_ola: PlainOla, stem: str) -> None:
    with PIL.Image.open(golden_set.INPUTS / IMAGES[stem]["file"]) as picture:
        low, high = image_views(picture)
        assert image_rows(picture.size) == IMAGES[stem]["n_tokens"]
    assert golden_set.same_pixels(f"img/{stem}/lowres", low)
    assert golden_set.same_pixels(f"img/{stem}/highres", high)
    views = torch.tensor(low), torch.tensor(high)
    with torch.inference_mode():
        features = plain_ola.vision.tower([normalise(view[None]) for view in views])
        rows = plain_ola.vision.images([views])[0]
    assert golden_set.error(f"img/{stem}/vit_lowres", features[0].numpy()) < TOLERANCE
    assert golden_set.error(f"img/{stem}/vit_highres", features[1].numpy()) < TOLERANCE
    assert golden_set.error(f"img/{stem}/mm_projector", rows.numpy()) < TOLERANCE


def test_pictures_of_many_sizes_do_not_see_each_other(plain_ola: PlainOla) -> None:
    views = []
    for stem in ("odd_37x53", "photo_640x480", "exact_64x96"):
        with PIL.Image.open(golden_set.INPUTS / IMAGES[stem]["file"]) as picture:
            low, high = image_views(picture)
            views.append((torch.tensor(low), torch.tensor(high)))
    with torch.inference_mode():
        together = plain_ola.vision.images(views)
        alone = [plain_ola.vision.images([pair])[0] for pair in views]
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@pytest.mark.parametrize("stem", SOUNDS)
def test_sound_features_agree(plain_ola: PlainOla, stem: str) -> None:
    spec = SOUNDS[stem]
    name = spec["from_video"] if "from_video" in spec else spec["file"].removeprefix("inputs/")
    samples = golden_media.sound(name if "from_video" not in spec else spec["file"].removeprefix("inputs/")).samples
    hearing = plain_ola.hearing
    assert hearing is not None
    assert hearing.fbank is not None
    assert hearing.beats is not None
    chunks = chunked(torch.from_numpy(samples[:MAX_SOUND_SAMPLES]))
    assert len(chunks) == spec["n_chunks"]
    with torch.inference_mode():
        mel = hearing.log_mel(chunks)
        outputs = {"mel": mel.transpose(1, 2), "wav_chunks": chunks}
        if f"aud/{stem}/whisper" in golden_set.index()["tensors"]:
            fbank = hearing.fbank(chunks)
            outputs |= {"beats_fbank": fbank, "whisper": hearing.whisper(mel), "beats": hearing.beats(fbank)}
            outputs |= {"concat": hearing.encode(chunks)}
            outputs["speech_projector"] = hearing([torch.from_numpy(samples)])[0]
            assert sound_rows(len(samples), 1500, 10) == spec["n_tokens"] == len(outputs["speech_projector"])
    for kind, output in outputs.items():
        assert golden_set.error(f"aud/{stem}/{kind}", output.numpy()) < TOLERANCE, kind


def test_an_all_zero_chunk_has_the_constant_mel_of_silence(plain_ola: PlainOla) -> None:
    assert plain_ola.hearing is not None
    mel = plain_ola.hearing.log_mel(chunked(torch.zeros(0)))
    assert torch.all(mel == -1.5)


def test_the_front_ends_stay_in_float32_whatever_the_engine_runs_in(plain_ola: PlainOla) -> None:
    hearing = plain_ola.hearing
    assert hearing is not None
    assert hearing.fbank is not None
    torch.set_default_dtype(torch.bfloat16)
    try:
        fbank, log_mel = KaldiFbank(), LogMel(128)
    finally:
        torch.set_default_dtype(torch.float32)
    wave = torch.sin(torch.arange(16_000) / 7)[None]
    assert torch.equal(fbank(wave), hearing.fbank(wave))
    assert torch.equal(log_mel(wave), hearing.log_mel(wave))


@pytest.mark.parametrize("stem", VIDEOS)
def test_video_frames_are_exact_and_features_agree(plain_ola: PlainOla, stem: str) -> None:
    spec = VIDEOS[stem]
    clip, _ = golden_media.video(spec["file"])
    assert frame_size(tuple(spec["frame_wh"])) == tuple(spec["processed_wh"])
    frames = video_frames(clip.frames)
    assert [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames] == spec["processed_u8_hwc_sha256"]
    assert video_rows(tuple(spec["frame_wh"])) == spec["n_tokens_all64"]
    with torch.inference_mode():
        published = plain_ola.vision.videos([torch.from_numpy(frames[:1])])[0]
        (first,) = plain_ola.vision.tower([normalise(torch.from_numpy(frames[:1]))])
    assert golden_set.error(f"vid/{stem}/vit_frame0", first.numpy()) < TOLERANCE
    assert golden_set.error(f"vid/{stem}/mm_projector_published", published.numpy()) < TOLERANCE
    if f"vid/{stem}/mm_projector_all64" in golden_set.index()["tensors"]:
        with torch.inference_mode():
            rows = plain_ola.vision.videos([torch.from_numpy(frames)])[0]
        assert golden_set.error(f"vid/{stem}/mm_projector_all64", rows.numpy()) < TOLERANCE


def test_a_thin_video_is_refused() -> None:
    with pytest.raises(ValueError, match="too long and thin"):
        video_frames(np.zeros((1, 4, 4000, 3), dtype=np.uint8))


def test_hearing_is_made_where_the_model_runs() -> None:
    """The engine makes it under its device and moves nothing later."""
    with torch.device("meta"):
        hearing = Hearing(Recipe().config())
    placed = dict(hearing.named_parameters()) | dict(hearing.named_buffers())
    assert "fbank.banks" in placed
    assert {name for name, tensor in placed.items() if not tensor.is_meta} == set()
