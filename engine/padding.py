"""Attention for head sizes that a backend has no kernel for, as the small checkpoints' on CPUs."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from vllm.config import VllmConfig
from vllm.model_executor.layers.attention import Attention

LARGEST_HEAD = 512


class PaddedAttention(nn.Module):
    """vLLM's attention with zero columns appended to every head: neither scores nor sums change.

    Args:
        head_size: of the model.
        padded_size: of the kernel.
        kwargs: the other arguments of vLLM's `Attention`; the scale is that of the real head.
    """

    def __init__(self, head_size: int, padded_size: int, **kwargs: Any) -> None:
        super().__init__()
        self.head_size, self.padded_size = head_size, padded_size
        self.attn = Attention(head_size=padded_size, **kwargs)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """[tokens, heads * head_size] each -> [tokens, heads * head_size]."""
        mixed = self.attn(self._pad(query), self._pad(key), self._pad(value))
        return mixed.unflatten(-1, (-1, self.padded_size))[..., : self.head_size].flatten(-2)

    def _pad(self, x: Tensor) -> Tensor:
        return F.pad(x.unflatten(-1, (-1, self.head_size)), (0, self.padded_size - self.head_size)).flatten(-2)


def pad_heads(backbone: nn.Module, vllm_config: VllmConfig) -> None:
    """Give every layer of a Qwen2 an attention that its backend can run; does nothing where it already can."""
    for layer in backbone.modules():
        attention = getattr(layer, "attn", None)
        if isinstance(attention, Attention) and not attention.attn_backend.supports_head_size(attention.head_size):
            layer.attn = padded(attention, attention.impl.scale, vllm_config)


def padded(attention: Attention, scale: float, vllm_config: VllmConfig) -> PaddedAttention:
    supports = attention.attn_backend.supports_head_size
    size = next(size for size in range(attention.head_size, LARGEST_HEAD + 1) if supports(size))
    # Layers are known by name, and the new one takes the old one's.
    vllm_config.compilation_config.static_forward_context.pop(attention.layer_name)
    return PaddedAttention(
        attention.head_size,
        size,
        num_heads=attention.num_heads,
        scale=scale,
        num_kv_heads=attention.num_kv_heads,
        cache_config=vllm_config.cache_config,
        quant_config=vllm_config.quant_config,
        prefix=attention.layer_name,
    )
