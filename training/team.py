"""Processes that train one model together: each draws its share of every batch, and the mean gradient moves them all.

On a CPU two processes of one thread learn from as many examples as one process of two threads in less time (LOG.md).
"""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True, slots=True)
class Team:
    """`size` processes, of which this is number `rank`; the first one keeps the records."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def meet(self) -> None:
        """Wait for all of the team."""
        if self.size > 1:
            distributed.barrier()

    def average(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the team. Waits for all of it."""
        if self.size == 1:
            return
        # As one message; a parameter that this process did not use counts as unmoved.
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        every = torch.cat([grad.flatten() for grad in grads])
        distributed.all_reduce(every)
        means = (every / self.size).split([p.numel() for p in parameters])
        for parameter, mean in zip(parameters, means, strict=True):
            parameter.grad = mean.view_as(parameter)


ALONE = Team()


def end_with_parent() -> None:
    """Let this process be told to end when the one that started it does, even if that was killed (Linux, prctl(2))."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def start_team(size: int, module: str, arguments: Sequence[str]) -> None:
    """Run `python -m module` with the arguments in `size` processes that are a team; return when they have ended.

    Raises:
        ChildFailedError: one of them failed, and the others were ended.
    """
    from torch.distributed import run

    run.main(["--standalone", f"--nproc-per-node={size}", "--module", module, *arguments])


def joined() -> Team:
    """The team that torchrun started this process in; ALONE if it did not."""
    if not distributed.is_torchelastic_launched():
        return ALONE
    if not distributed.is_initialized():
        distributed.init_process_group("gloo")
    return Team(distributed.get_rank(), distributed.get_world_size())
