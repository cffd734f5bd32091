"""The bank of spoken sentences that a training run uses: which sentences, how many, whose voices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from training.world.sentences import inventory
from training.world.speech import HELD_OUT, Bank, build

UTTERANCES, FEWEST, UNHEARD = 24_000, 2_000, 1_500
"""For a full training, for the shortest one, and for the report by voices that training never hears."""
SEED = 2026


def training_bank(folder: Path, progress: Callable[[int, int], None], scale: float = 1.0) -> Bank:
    """About 11 hours of speech and 1.3 GB; three minutes on two cores."""
    count = max(FEWEST, round(UTTERANCES * scale))
    build(folder, inventory(np.random.default_rng(SEED), count), SEED, processes=2, progress=progress)
    return Bank(folder)


def held_out_bank(folder: Path, progress: Callable[[int, int], None]) -> Bank:
    """The same sentences' kinds, other draws, and the voices held out."""
    texts = inventory(np.random.default_rng(SEED + 1), UNHEARD)
    build(folder, texts, SEED + 1, voices=HELD_OUT, processes=2, progress=progress)
    return Bank(folder)
