"""A recording that grows is encoded once: the same rows as without memory, and only the new chunks are work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from engine.checkpoint import describe_hearing
from engine.config import OlaConfig
from engine.model import remembering
from engine.model.plain import PlainOla
from engine.model.remembering import RememberingHearing
from engine.model.senses import Hearing
from engine.preprocess import CHUNK_SAMPLES
from tests import golden_set


class Counting(RememberingHearing):
    encoded = 0
    """Chunks."""

    def encode(self, chunks: Tensor) -> Tensor:
        self.encoded += len(chunks)
        return super().encode(chunks)


@pytest.fixture
def plain(plain_ola: PlainOla) -> Hearing:
    assert plain_ola.hearing is not None
    return plain_ola.hearing


@pytest.fixture
def hearing(plain: Hearing) -> Iterator[Counting]:
    config = OlaConfig.from_pretrained(golden_set.CHECKPOINT)
    describe_hearing(config, golden_set.CHECKPOINT)
    hearing = Counting(config).eval()
    hearing.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        yield hearing


def sound(chunks: float, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(round(4 * CHUNK_SAMPLES), generator=generator)[: round(chunks * CHUNK_SAMPLES)] / 10


def test_only_what_is_new_is_encoded(hearing: Counting, plain: Hearing) -> None:
    for chunks, work in ((1, 1), (2, 2), (2.5, 3), (2.5, 4), (3, 5)):
        (rows,) = hearing([sound(chunks)])
        assert hearing.encoded == work
        torch.testing.assert_close(rows, plain([sound(chunks)])[0], atol=1e-5, rtol=0)


def test_recordings_heard_together_do_not_mix(hearing: Counting, plain: Hearing) -> None:
    hearing([sound(1)])
    waves = [sound(0.5, 2), sound(2), sound(0.5, 2), sound(0)]
    for one, other in zip(hearing(waves), plain(waves), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    assert hearing.encoded == 4


def test_the_oldest_is_forgotten(hearing: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST", 2)
    for seed, work in ((1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4)):
        hearing([sound(1, seed)])
        assert hearing.encoded == work
    hearing([sound(3, 4)])
    hearing([sound(3, 4)[CHUNK_SAMPLES:]])
    assert hearing.encoded == 7


def test_new_weights_are_heard_with(hearing: Counting) -> None:
    hearing([sound(1)])
    hearing.forget()
    hearing([sound(1)])
    assert hearing.encoded == 2
