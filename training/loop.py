"""A training loop that goes on where it was killed, shows what it does, and keeps its curve."""

from __future__ import annotations

import fcntl
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from training.attention import PlainAttention
from training.optimizer import Optimizer
from training.team import ALONE, Team

SAVE_SECONDS = 60
LARGEST_GRADIENT = 1.0
WARM_UP = 0.05
"""Part of the steps in which the learning rate rises."""

Parts = dict[str, Tensor]


class TrainingError(Exception):
    """The message says what is wrong with what an earlier run left behind, and what to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """One part of the training.

    Args:
        name: of its files.
        steps: how many batches.
        rate: the highest learning rate.
        batch: a batch from a source of randomness, in a team one process's share of it; runs in a process of its own.
        loss: a batch's losses by name; their sum is minimised.
        trained: the modules whose parameters change; all others are left alone.
    """

    name: str
    steps: int
    rate: float
    batch: Callable[[np.random.Generator], Any]
    loss: Callable[[Any], Parts]
    trained: tuple[nn.Module, ...]
    seed: int = 0


class Batches(Dataset[Any]):
    """Batch number i is drawn from a seed of its own, so that a resumed job sees what an undisturbed one would."""

    def __init__(self, job: Job, start: int, rank: int) -> None:
        self._batch, self._seed, self._start, self._end, self._rank = job.batch, job.seed, start, job.steps, rank

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, index: int) -> Any:
        return self._batch(np.random.default_rng([self._seed, self._start + index, self._rank]))


class Run:
    """A job's state on disk: `<name>.pt` while it runs, `<name>.done.pt` afterwards, `<name>.jsonl` its curve.

    `row` is where its progress bar stands, if several are shown.
    """

    def __init__(
        self, job: Job, model: nn.Module, folder: Path, device: torch.device, team: Team = ALONE, row: int = 0
    ) -> None:
        self.job, self.model, self.device, self._team, self._row = job, model, device, team, row
        folder.mkdir(parents=True, exist_ok=True)
        self._running, self._done = folder / f"{job.name}.pt", folder / f"{job.name}.done.pt"
        self._curve, self._lock = folder / f"{job.name}.jsonl", folder / f"{job.name}.lock"
        self.step = 0

    def finish(self) -> None:
        """Train to the last step, or load what was trained before. Waits while another process trains the same.

        Raises:
            TrainingError: what was trained before is of other length, rate or seed.
        """
        with alone(self._lock) if self._team.first else nullcontext():
            self._team.meet()
            self._finish()

    def _finish(self) -> None:
        if self._done.exists():
            self.model.load_state_dict(self._stored(self._done)["model"])
            return
        with only(self.model, self.job.trained) as parameters:
            optimizer = Optimizer(parameters, self.job.rate)
            self._resume(optimizer)
            self._train(optimizer, list(parameters.values()))
        if self._team.first:
            write(self._done, {"job": self._identity, "model": self.model.state_dict()})
            self._running.unlink(missing_ok=True)

    def _resume(self, optimizer: Optimizer) -> None:
        if not self._running.exists():
            if self._team.first:
                self._curve.unlink(missing_ok=True)
            return
        state = self._stored(self._running)
        self.model.load_state_dict(state["model"])
        optimizer.load(state["optimizer"])
        self.step = state["step"]
        if not self._team.first:
            return
        points = curve(self._curve) if self._curve.exists() else ()
        kept = [json.dumps(point) + "\n" for point in points if point["step"] <= self.step]
        replace_text(self._curve, "".join(kept))

    def _train(self, optimizer: Optimizer, parameters: list[nn.Parameter]) -> None:
        job, team, saved, means = self.job, self._team, time.monotonic(), Means()
        drawn = Batches(job, self.step, team.rank)
        batches = DataLoader(drawn, batch_size=None, num_workers=1, prefetch_factor=4)
        self.model.train()
        shown = {"initial": self.step, "mininterval": 5, "smoothing": 0.02, "position": self._row}
        bar = tqdm(batches, job.name, job.steps, disable=not team.first, **shown)
        for batch in bar:
            optimizer.set_rate(job.rate * scheduled(self.step / job.steps))
            losses = descend(job.loss, to(batch, self.device), optimizer, parameters, team)
            self.step += 1
            if not team.first:
                continue
            means.add(losses)
            if self.step % 50 == 0 or self.step == job.steps:
                bar.set_postfix_str(str(means))
                with self._curve.open("a") as curve:
                    curve.write(json.dumps({"step": self.step, **means.values()}) + "\n")
                means = Means()
            if time.monotonic() - saved > SAVE_SECONDS:
                self._save(optimizer)
                saved = time.monotonic()
        self.model.eval()

    def _save(self, optimizer: Optimizer) -> None:
        trained = {"model": self.model.state_dict(), "optimizer": optimizer.state(), "step": self.step}
        write(self._running, {"job": self._identity, **trained})

    @property
    def _identity(self) -> dict[str, float]:
        return {"steps": self.job.steps, "rate": self.job.rate, "seed": self.job.seed}

    def _stored(self, path: Path) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        if (made := state.get("job")) != self._identity:
            raise TrainingError(f"{path} is of another training ({made}, not {self._identity}): take another folder")
        return state


def descend(
    loss: Callable[[Any], Parts], batch: Any, optimizer: Optimizer, parameters: list[nn.Parameter], team: Team = ALONE
) -> Parts:
    """One step of the optimizer down the sum of the losses, the same one in the whole team."""
    device = parameters[0].device
    precise = torch.autocast(device.type, torch.bfloat16, enabled=fast_bfloat16(device))
    with precise, PlainAttention():
        losses = loss(batch)
    torch.stack(list(losses.values())).sum().backward()
    team.average(parameters)
    nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
    optimizer.step()
    return losses


class Means:
    """Mean losses since the last line of the curve."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, losses: Parts) -> None:
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(loss.detach())
        self._count += 1

    def values(self) -> dict[str, float]:
        return {name: round(total / self._count, 4) for name, total in self._sums.items()}

    def __str__(self) -> str:
        return " ".join(f"{name} {value:.3f}" for name, value in self.values().items())


class only:  # noqa: N801
    """Parameters of these modules are trained, those of the rest of the model are frozen, until the block is left."""

    def __init__(self, model: nn.Module, trained: tuple[nn.Module, ...]) -> None:
        chosen = {id(p) for module in trained for p in module.parameters()}
        self._all = list(model.parameters())
        self._trained = {name: p for name, p in model.named_parameters() if id(p) in chosen}

    def __enter__(self) -> dict[str, nn.Parameter]:
        for parameter in self._all:
            parameter.requires_grad_(False)
        for parameter in self._trained.values():
            parameter.requires_grad_(True)
        return self._trained

    def __exit__(self, *_: object) -> None:
        for parameter in self._all:
            parameter.requires_grad_(True)


def scheduled(done: float) -> float:
    """Learning rate as a part of the highest, after `done` (0 to 1) of the steps: warm-up, then half a cosine."""
    if done < WARM_UP:
        return (done + 0.002) / (WARM_UP + 0.002)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is quicker than float32: on GPUs, and on CPUs with instructions for it."""
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()


def to(batch: Any, device: torch.device) -> Any:
    """A batch with every tensor on the device."""
    if device.type == "cpu":
        return batch
    match batch:
        case Tensor():
            return batch.to(device, non_blocking=True)
        case Mapping():
            return {key: to(value, device) for key, value in batch.items()}
        case list() | tuple():
            return type(batch)(to(value, device) for value in batch)
        case _ if is_dataclass(batch) and not isinstance(batch, type):
            return replace(batch, **{part.name: to(getattr(batch, part.name), device) for part in fields(batch)})
        case _:
            return batch


def write(path: Path, state: Any) -> None:
    """Save whole or not at all."""
    new = path.with_suffix(".new")
    torch.save(state, new)
    os.replace(new, path)


def replace_text(path: Path, text: str) -> None:
    """Save whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def curve(path: Path) -> Iterator[dict[str, float]]:
    """The points of a job's curve; the last one may have been cut off by a kill."""
    with path.open() as lines:
        yield from (json.loads(line) for line in lines if line.endswith("}\n"))


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Only one process at a time is in this block; others wait, and say so."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tqdm.write(f"{lock.stem}: another process is at it; waiting until it ends", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
