"""Few rows that stand for many say the same as many, where the many are equal."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.api import SAMPLE_RATE
from engine.model.senses import Hearing
from training.sizes import Sizes
from training.thin import CONTEXT, GROUPS, RATE, Tail, chunk, hear, kept_frames
from training.train import initialise


@pytest.fixture(scope="module")
def hearing() -> Hearing:
    """Encoders for which one moment of silence is like another, wherever it is."""
    torch.manual_seed(0)
    module = Hearing(Sizes().config(1, {"<|endoftext|>": 0, "<|im_end|>": 0})).eval()
    initialise(module)
    assert module.beats is not None
    with torch.no_grad():
        module.whisper.positional_embedding[240:] = module.whisper.positional_embedding[240]
        for name, parameter in module.beats.named_parameters():
            if name.endswith(("pos_conv.0.weight_g", "relative_attention_bias.weight")):
                parameter.zero_()
    return module


def waves(seconds: float) -> torch.Tensor:
    samples = np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)
    return torch.stack([chunk(0.1 * samples), chunk(0.05 * samples)])


@torch.no_grad()
def test_kept_frames_have_the_features_of_all_frames(hearing: Hearing) -> None:
    tail = Tail.drawn(4 * SAMPLE_RATE, np.random.default_rng(0))
    assert tail is not None
    assert tail.frames == 240
    whole, thin = hearing.encode(waves(4)), hear(hearing, waves(4), tail)
    heard = whole[:, : tail.frames]
    wrong = (thin[:, : tail.frames] - heard).abs()
    # The last frames of a chunk see the end of its padding, which is not among those kept.
    assert float(wrong.max()) < 5e-3
    assert float(heard.std()) > 0.1


def test_without_a_tail_all_frames_are_encoded(hearing: Hearing) -> None:
    with torch.no_grad():
        assert torch.equal(hear(hearing, waves(1), None), hearing.encode(waves(1)))


def test_weights_add_up_to_all_frames() -> None:
    for seconds in (0.5, 3, 9):
        tail = Tail.drawn(round(seconds * SAMPLE_RATE), np.random.default_rng(2))
        assert tail is not None
        assert float(tail.frame_weights.exp().sum()) == pytest.approx(CONTEXT)
        assert float(tail.patch_weights.exp().sum()) == pytest.approx(CONTEXT - 4)
        assert len(tail.positions) == tail.frames + GROUPS * RATE
        assert tail.frames * 320 > seconds * SAMPLE_RATE


def test_a_recording_that_fills_its_chunk_is_not_thinned() -> None:
    assert Tail.drawn(29 * SAMPLE_RATE, np.random.default_rng(0)) is None


def test_kept_frames_of_a_video_reach_from_end_to_end() -> None:
    assert kept_frames(2) == [0, 63]
    assert kept_frames(64) == list(range(64))
