"""What the report asks about, training never draws: teal grounds, digits of one band of heights."""

from __future__ import annotations

import numpy as np

from training.world.crowds import crowd
from training.world.paint import background, is_teal
from training.world.pictures import HELD_OUT_HEIGHTS, Digit

SEEDS = range(300)


def teal(seed: int, held_out: bool) -> float:
    """Share of the ground that is teal."""
    ground, _ = background(np.random.default_rng(seed), 48, 48, held_out)
    return float(np.mean([is_teal(color) for color in ground[::3, ::3].reshape(-1, 3).tolist()]))


def test_no_ground_of_training_is_teal_anywhere() -> None:
    assert max(teal(seed, held_out=False) for seed in SEEDS) < 0.03  # a line where a gradient turns


def test_every_ground_of_the_report_is() -> None:
    assert min(teal(seed, held_out=True) for seed in range(60)) > 0.3


def test_no_digit_of_a_crowd_has_a_held_out_height() -> None:
    low, high = HELD_OUT_HEIGHTS
    shares = []
    for seed in range(60):
        dice = np.random.default_rng(seed)
        size = int(dice.integers(96, 352)), int(dice.integers(96, 352))
        digits = [thing for thing in crowd(dice, size).objects if isinstance(thing, Digit)]
        shares += [(digit.box[3] - digit.box[1]) / min(size) for digit in digits]
    assert len(shares) > 100
    assert not [share for share in shares if low < share < high]
