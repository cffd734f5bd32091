"""BEATs: general sounds beside Whisper's speech (docs/reference.md, 5, arXiv 2212.09058), with the released names."""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAME, HOP, FFT = 400, 160, 512
FBANK_MEAN, FBANK_STD = 15.41663, 6.55582
PRE_EMPHASIS = 0.97
LOW_HZ, HIGH_HZ, SAMPLE_RATE = 20.0, 8_000.0, 16_000
LOG_FLOOR = 1.1920929e-07  # float32 epsilon, Kaldi's floor


def mel_banks(bins: int) -> Tensor:
    """Kaldi's triangular filters on the 1127 * ln(1 + f / 700) scale: float32 [FFT / 2 + 1, bins], Nyquist at zero."""

    def mel(hz: Tensor) -> Tensor:
        return 1127.0 * torch.log(1.0 + hz / 700.0)

    # Typed throughout: the default dtype is whatever the engine runs in.
    low, high = mel(torch.tensor([LOW_HZ, HIGH_HZ], dtype=torch.float32))
    step = (high - low) / (bins + 1)
    left = low + torch.arange(bins, dtype=torch.float32) * step
    points = mel(SAMPLE_RATE / FFT * torch.arange(FFT // 2, dtype=torch.float32))[:, None]
    rising, falling = (points - left) / step, (left + 2 * step - points) / step
    banks = torch.clamp(torch.minimum(rising, falling), min=0.0)
    return F.pad(banks, (0, 0, 0, 1))


class KaldiFbank(nn.Module):
    """Log filter-bank energies as Kaldi computes them, without dither, then BEATs' fixed normalisation."""

    def __init__(self, bins: int = 128) -> None:
        super().__init__()
        device = torch.get_default_device()  # the engine makes the model where it shall run, and moves nothing later
        with torch.device("cpu"):
            window, banks = torch.hann_window(FRAME, periodic=False, dtype=torch.float32) ** 0.85, mel_banks(bins)
        self.register_buffer("window", window.to(device), persistent=False)
        self.register_buffer("banks", banks.to(device), persistent=False)
        self.window: Tensor
        self.banks: Tensor

    def forward(self, wave: Tensor) -> Tensor:
        """float32 [chunks, samples] in [-1, 1] -> float32 [chunks, frames, bins]."""
        frames = (wave * 32768.0).unfold(-1, FRAME, HOP)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        previous = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
        windowed = (frames - PRE_EMPHASIS * previous) * self.window
        power = torch.fft.rfft(windowed, n=FFT).abs() ** 2
        energies = (power @ self.banks).clamp(min=LOG_FLOOR).log()
        return (energies - FBANK_MEAN) / (2 * FBANK_STD)


class WeightNormConv(nn.Module):
    """Grouped convolution whose kernel is stored as length times direction per tap (weight norm over the last axis)."""

    def __init__(self, width: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.groups, self.padding = groups, kernel // 2
        self.weight_g = nn.Parameter(torch.ones(1, 1, kernel))
        self.weight_v = nn.Parameter(torch.zeros(width, width // groups, kernel))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, width, time] -> [batch, width, time + 1] for an even kernel."""
        norm = self.weight_v.norm(dim=(0, 1), keepdim=True)
        weight = self.weight_v * (self.weight_g / norm)
        return F.conv1d(x, weight, self.bias, padding=self.padding, groups=self.groups)


class Attention(nn.Module):
    """Attention whose relative position bias is gated by the query (gated relative position bias)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self.grep_linear = nn.Linear(width // heads, 8)
        self.grep_a = nn.Parameter(torch.ones(1, heads, 1, 1))
        self.relative_attention_bias: nn.Embedding

    def forward(self, x: Tensor, bias: Tensor, weight: Tensor | None = None) -> Tensor:
        """`x` [batch, time, width], `bias` [heads, time, time], `weight` [time]: see `Beats.forward`."""
        q, k, v = (
            proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        gated = self._gate(q) * bias
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=gated if weight is None else gated + weight)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _gate(self, q: Tensor) -> Tensor:
        a, b = torch.sigmoid(self.grep_linear(q).unflatten(-1, (2, 4)).sum(-1)).chunk(2, dim=-1)
        return a * (b * self.grep_a - 1.0) + 2.0


class Layer(nn.Module):
    """Post-norm layer with deep-norm residuals."""

    def __init__(self, width: int, heads: int, hidden: int, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha
        self.self_attn = Attention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, bias: Tensor, weight: Tensor | None = None) -> Tensor:
        x = self.self_attn_layer_norm(x * self.alpha + self.self_attn(x, bias, weight))
        return self.final_layer_norm(x * self.alpha + self.fc2(F.gelu(self.fc1(x))))


class Transformer(nn.Module):
    def __init__(
        self, width: int, heads: int, hidden: int, layers: int, *, conv: tuple[int, int], buckets: int, distance: int
    ) -> None:
        super().__init__()
        self.buckets, self.distance = buckets, distance
        self.pos_conv = nn.Sequential(WeightNormConv(width, *conv))
        self.layer_norm = nn.LayerNorm(width)
        alpha = (2 * layers) ** 0.25
        self.layers = nn.ModuleList(Layer(width, heads, hidden, alpha) for _ in range(layers))
        # One table serves every layer; checkpoints hold a copy per layer or only this one.
        self._first().relative_attention_bias = nn.Embedding(buckets, heads)

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        # An even kernel gives one output too many; the last is dropped.
        positions = self.pos_conv(x.transpose(1, 2))[..., : x.shape[1]]
        x = self.layer_norm(x + F.gelu(positions).transpose(1, 2))
        bias = self._bias(x.shape[1], x.device)
        for layer in self.layers:
            x = layer(x, bias, weight)
        return x

    def _bias(self, time: int, device: torch.device) -> Tensor:
        """Position bias before the gate: [heads, time, time]."""
        at = torch.arange(time, device=device)
        offset = at[None, :] - at[:, None]
        bias: Tensor = self._first().relative_attention_bias(self._bucket(offset))
        return bias.permute(2, 0, 1)

    def _first(self) -> Attention:
        return cast(Layer, self.layers[0]).self_attn

    def _bucket(self, offset: Tensor) -> Tensor:
        """Exact for near keys, logarithmic up to `distance`, positive offsets in the upper half."""
        half = self.buckets // 2
        exact = half // 2
        size = offset.abs()
        # The order of operations is the reference's: rounding decides the bucket at the borders.
        ratio = torch.log(size.clamp(min=1).float() / exact) / math.log(self.distance / exact)
        far = exact + (ratio * (half - exact)).long()
        return torch.where(offset > 0, half, 0) + torch.where(size < exact, size, far.clamp(max=half - 1))


class Beats(nn.Module):
    def __init__(
        self,
        embed: int,
        width: int,
        heads: int,
        hidden: int,
        layers: int,
        *,
        patch: int = 16,
        conv_pos: int = 128,
        conv_groups: int = 16,
        buckets: int = 320,
        distance: int = 800,
    ) -> None:
        super().__init__()
        self.patch_embedding = nn.Conv2d(1, embed, patch, stride=patch, bias=False)
        self.layer_norm = nn.LayerNorm(embed)
        self.post_extract_proj = nn.Linear(embed, width) if embed != width else nn.Identity()
        self.encoder = Transformer(
            width, heads, hidden, layers, conv=(conv_pos, conv_groups), buckets=buckets, distance=distance
        )

    def forward(self, fbank: Tensor, weight: Tensor | None = None) -> Tensor:
        """[chunks, frames, bins] -> [chunks, patches, width], patches in time-major order.

        `weight` [patches]: log of how many equal patches each one stands for (training/thin.py).
        """
        x = self.patch_embedding(fbank.unsqueeze(1)).flatten(2).transpose(1, 2)
        return self.encoder(self.post_extract_proj(self.layer_norm(x)), weight)
