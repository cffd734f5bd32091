"""The filter banks of the speaker model."""

import numpy as np
import pytest
import torch

from engine.model.beats import FBANK_MEAN, FBANK_STD, KaldiFbank
from tts.voices.cosyvoice.fbank import fbank


def test_filter_banks_are_kaldis() -> None:
    """As the encoder's, which is proven equal to torchaudio's by the reference's golden tensors."""
    wave = 0.3 * torch.randn(1, 16_000, generator=torch.Generator().manual_seed(1))
    ours = fbank(wave, num_mel_bins=80, dither=0, sample_frequency=16_000)
    theirs = KaldiFbank(80)(wave)[0] * (2 * FBANK_STD) + FBANK_MEAN - 2 * np.log(32_768)  # theirs takes 16-bit samples
    assert ours.shape == theirs.shape == (98, 80)
    assert torch.allclose(ours, theirs, atol=2e-3)


def test_filter_banks_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="dither"):
        fbank(torch.zeros(1, 16_000), dither=1.0)
    with pytest.raises(ValueError, match="frame"):
        fbank(torch.zeros(1, 100))
