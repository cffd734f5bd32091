"""Attention spelled out is PyTorch's."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from training.attention import PlainAttention


def test_equals_the_fused_kernel() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 4, 7, 8) for _ in range(3))
    mask = torch.randn(2, 1, 7, 7)
    shared = k[:, :2], v[:, :2]
    expected = [
        F.scaled_dot_product_attention(q, k, v),
        F.scaled_dot_product_attention(q, k, v, attn_mask=mask),
        F.scaled_dot_product_attention(q, k, v, is_causal=True),
        F.scaled_dot_product_attention(q, *shared, enable_gqa=True, scale=0.3),
    ]
    with PlainAttention():
        given = [
            F.scaled_dot_product_attention(q, k, v),
            F.scaled_dot_product_attention(q, k, v, attn_mask=mask),
            F.scaled_dot_product_attention(q, k, v, is_causal=True),
            F.scaled_dot_product_attention(q, *shared, enable_gqa=True, scale=0.3),
        ]
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
