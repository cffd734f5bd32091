"""Muon for the matrices inside the networks, AdamW for everything else.

Muon (Jordan et al. 2024) makes each step's update orthogonal. On these small networks it learned
more than AdamW from as many pictures (LOG.md, 2026-11-20).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

BETAS, WEIGHT_DECAY = (0.9, 0.98), 0.01
LARGEST = 400_000
"""Entries of a matrix beyond which making an update orthogonal costs more than it helps."""
OUTSIDE = ("embed_tokens", "lm_head", "pos_embed", "positional_embedding", "relative_attention_bias")
"""Tables, whose rows have nothing to do with each other."""


class Optimizer:
    """Both as one."""

    def __init__(self, parameters: dict[str, nn.Parameter], rate: float) -> None:
        matrices = {name for name, p in parameters.items() if is_matrix(name, p)}
        inside = [parameters[name] for name in sorted(matrices)]
        rest = [(name, p) for name, p in parameters.items() if name not in matrices]
        decayed, plain = ([p for _, p in rest if (p.dim() > 1) is wanted] for wanted in (True, False))
        groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
        self._parts: list[torch.optim.Optimizer] = []
        if any(group["params"] for group in groups):
            kept = [group for group in groups if group["params"]]
            self._parts.append(torch.optim.AdamW(kept, lr=rate, betas=BETAS, fused=True))
        if inside:
            options: dict[str, Any] = {"adjust_lr_fn": "match_rms_adamw", "weight_decay": WEIGHT_DECAY}
            self._parts.append(torch.optim.Muon(inside, lr=rate, **options))

    def set_rate(self, rate: float) -> None:
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate

    def step(self) -> None:
        """Apply the gradients and forget them."""
        for part in self._parts:
            part.step()
            part.zero_grad()

    def state(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self._parts]

    def load(self, state: list[dict[str, Any]]) -> None:
        for part, one in zip(self._parts, state, strict=True):
            part.load_state_dict(one)


def is_matrix(name: str, parameter: nn.Parameter) -> bool:
    return parameter.dim() == 2 and parameter.numel() <= LARGEST and not any(part in name for part in OUTSIDE)
