"""Attention spelled out, for training on CPUs.

PyTorch's fused kernel spares memory by computing the scores again on the way back, which takes a CPU more than twice as
long at these sizes (LOG.md, 2026-11-20).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class PlainAttention(TorchFunctionMode):
    """Inside this block `scaled_dot_product_attention` keeps its scores."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is F.scaled_dot_product_attention and args[0].device.type == "cpu":
            return attend(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """See `torch.nn.functional.scaled_dot_product_attention`; masks are added, never boolean, and nothing drops out."""
    assert not dropout_p
    if enable_gqa:
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.transpose(-1, -2)
    if attn_mask is not None:
        scores = scores + attn_mask.to(scores.dtype)
    if is_causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf"), dtype=scores.dtype).triu(1)
    return scores.softmax(-1) @ v
