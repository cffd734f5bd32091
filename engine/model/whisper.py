"""Whisper's audio encoder and its log-mel front end (docs/reference.md, 5, arXiv 2212.04356), with OpenAI's names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.audio_utils import mel_filter_bank

N_FFT, HOP, SAMPLE_RATE = 400, 160, 16_000
MEL_FLOOR, DYNAMIC_RANGE = 1e-10, 8.0


class LogMel(nn.Module):
    """Waveform to log-mel, each chunk scaled by its own loudest bin."""

    def __init__(self, mels: int) -> None:
        super().__init__()
        bank = mel_filter_bank(
            num_frequency_bins=N_FFT // 2 + 1,
            num_mel_filters=mels,
            min_frequency=0.0,
            max_frequency=SAMPLE_RATE / 2,
            sampling_rate=SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("filters", torch.tensor(bank.T, dtype=torch.float32), persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT, dtype=torch.float32), persistent=False)
        self.filters: Tensor
        self.window: Tensor

    def forward(self, wave: Tensor) -> Tensor:
        """float32 [chunks, samples] in [-1, 1] -> float32 [chunks, mels, samples / 160]."""
        spectrum = torch.stft(wave, N_FFT, HOP, window=self.window, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2
        log = (self.filters @ power).clamp(min=MEL_FLOOR).log10()
        floor = log.amax(dim=(1, 2), keepdim=True) - DYNAMIC_RANGE
        return (torch.maximum(log, floor) + 4.0) / 4.0


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        q, k, v = (
            proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for proj in (self.query, self.key, self.value)
        )
        return self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=weight).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        x = x + self.attn(self.attn_ln(x), weight)
        return x + self.mlp(self.mlp_ln(x))


class WhisperEncoder(nn.Module):
    def __init__(self, mels: int, context: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(mels, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        # Loaded, not computed: the released table is a parameter like any other.
        self.positional_embedding = nn.Parameter(torch.zeros(context, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_post = nn.LayerNorm(width)

    def forward(self, mel: Tensor) -> Tensor:
        """[chunks, mels, 2 * context] -> [chunks, context, width]."""
        return self.encode(self.stem(mel) + self.positional_embedding)

    def stem(self, mel: Tensor) -> Tensor:
        """[chunks, mels, 2 * frames] -> [chunks, frames, width], before positions are added."""
        return F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)

    def encode(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """`weight` [frames]: log of how many equal frames each one stands for (training/thin.py)."""
        for block in self.blocks:
            x = block(x, weight)
        return self.ln_post(x)
