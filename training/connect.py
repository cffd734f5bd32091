"""Begins the connectors: the rows that they make of encoded pictures and recordings shall say what sketches say.

A drawn world knows what every row should say, which teaches a connector in minutes what next-token loss alone would
take hours for. The stages of the alignment go on from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.preprocess import CELL
from training.align import Aligning
from training.hearing import surrounded
from training.loop import Job, Parts
from training.rows import sound_rows, views
from training.sketch import CENTRE, LENGTH, NOTHING, of_picture
from training.tasks import sketched_sound, sketched_speech
from training.thin import Tail, chunk
from training.world.crowds import crowd
from training.world.pictures import Picture, picture
from training.world.sounds import noisy, sound
from training.world.speech import Bank

PICTURES, RECORDINGS = 8, 24
"""In a batch."""
CROWDED, SPOKEN = 0.4, 0.6
"""Shares of crowds and of speech."""
BARE, CENTRAL = 0.2, 4.0
"""What an empty cell and the centre of an object count; the rest of an object is one."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Both views of each, what their rows should say `[rows, SIGHTS]`, and what each row counts `[rows]`."""

    views: list[tuple[Tensor, Tensor]]
    codes: Tensor
    worth: Tensor


@dataclass(frozen=True, slots=True)
class Recordings:
    """Waves `[n, CHUNK_SAMPLES]` and what the kept rows should say `[n * rows, SOUNDS]`."""

    waves: Tensor
    tail: Tail
    codes: Tensor


class Connecting:
    """Both connectors' jobs; everything but the connector is frozen."""

    def __init__(self, module: Aligning, bank: Bank) -> None:
        self._module, self._bank = module, bank

    def see(self, steps: int) -> Job:
        trained = (self._module.model.vision.projector,)
        return Job("see", steps, 2e-3, picture_batch, self.pictures, trained, seed=11)

    def hear(self, steps: int) -> Job:
        hearing = self._module.model.hearing
        assert hearing is not None
        batch = partial(recording_batch, self._bank)
        return Job("hear", steps, 1e-3, batch, self.recordings, (hearing.projector,), seed=12)

    def pictures(self, batch: Pictures) -> Parts:
        errors = self._errors(self._module.model.vision.images(batch.views), batch.codes)
        return {"pictures": (errors * batch.worth).sum() / batch.worth.sum()}

    def recordings(self, batch: Recordings) -> Parts:
        return {"recordings": self._errors(self._module.heard(batch.waves, batch.tail), batch.codes).mean()}

    def _errors(self, rows: list[Tensor], codes: Tensor) -> Tensor:
        """Squared distance of each row from its sketch; a field is one."""
        return (torch.cat(rows).float() - self._module.sketcher(codes)).square().sum(1) / LENGTH**2


def picture_batch(dice: np.random.Generator) -> Pictures:
    drawn = [
        crowded(dice) if dice.random() < CROWDED else picture(dice, largest=384, written=0.4) for _ in range(PICTURES)
    ]
    codes = np.concatenate([of_picture(one).codes for one in drawn])
    worth = np.where(codes[:, NOTHING] > 0, BARE, 1 + (CENTRAL - 1) * codes[:, CENTRE]).astype(np.float32)
    return Pictures([views(one.pixels) for one in drawn], torch.from_numpy(codes), torch.from_numpy(worth))


def crowded(dice: np.random.Generator) -> Picture:
    columns, rows = (int(cells) for cells in dice.integers(4, 12, 2))
    return crowd(dice, (columns * CELL, rows * CELL))


def recording_batch(bank: Bank, dice: np.random.Generator) -> Recordings:
    both = [spoken(bank, dice) if dice.random() < SPOKEN else wordless(dice) for _ in range(RECORDINGS)]
    tail = Tail.drawn(max(len(samples) for samples, _ in both), dice)
    kept = sound_rows(tail).positions
    codes = np.concatenate([codes[kept] for _, codes in both])
    assert tail is not None
    return Recordings(torch.stack([chunk(samples) for samples, _ in both]), tail, torch.from_numpy(codes))


Floats = npt.NDArray[np.float32]


def spoken(bank: Bank, dice: np.random.Generator) -> tuple[Floats, Floats]:
    said = surrounded(bank.any(dice), dice)
    return noisy(said.samples, dice), sketched_speech(said).codes


def wordless(dice: np.random.Generator) -> tuple[Floats, Floats]:
    heard = sound(dice)
    return heard.samples, sketched_sound(heard).codes
