"""The crowds are what their labels say, and hold both kinds of objects."""

from __future__ import annotations

import numpy as np
import pytest

from engine.preprocess import CELL
from training.world.cells import cells
from training.world.crowds import OBJECTS, crowd
from training.world.pictures import Digit, Picture, Shape
from training.world.words import COLORS, SHAPES

SIZE = 10 * CELL, 7 * CELL
SEEDS = range(20)


def drawn(seed: int) -> Picture:
    return crowd(np.random.default_rng(seed), SIZE)


def test_same_seed_draws_the_same() -> None:
    one, other = drawn(7), drawn(7)
    assert np.array_equal(one.pixels, other.pixels)
    assert np.array_equal(one.mask, other.mask)
    assert one.objects == other.objects
    assert not np.array_equal(one.pixels, drawn(8).pixels)


def test_shapes_and_digits_come_about_as_often() -> None:
    counts = [len(drawn(seed).objects) for seed in SEEDS]
    shapes = [isinstance(thing, Shape) for seed in SEEDS for thing in drawn(seed).objects]
    assert 5 < np.mean(counts) <= max(counts) <= OBJECTS
    assert 0.35 < np.mean(shapes) < 0.65


@pytest.mark.parametrize("seed", SEEDS)
def test_objects_lie_where_they_say(seed: int) -> None:
    seen = drawn(seed)
    assert seen.pixels.shape == (*SIZE[::-1], 3)
    assert [thing.x for thing in seen.objects] == pytest.approx(sorted(thing.x for thing in seen.objects), abs=1)
    for index, thing in enumerate(seen.objects, 1):
        rows, cols = np.nonzero(seen.mask == index)
        half = thing.size / 2 if isinstance(thing, Shape) else max(np.subtract(thing.box[2:], thing.box[:2])) / 2
        assert max(np.abs(rows + 0.5 - thing.y).max(), np.abs(cols + 0.5 - thing.x).max()) <= half


@pytest.mark.parametrize("seed", SEEDS)
def test_cells_agree_with_the_objects_at_their_centres(seed: int) -> None:
    seen = drawn(seed)
    labels = cells(seen, SIZE[1] // CELL, SIZE[0] // CELL)
    places = [(int(thing.y / CELL), int(thing.x / CELL)) for thing in seen.objects]
    assert set(places) == {(row, col) for row, col in np.argwhere(labels.centre).tolist()}
    last = dict(zip(places, seen.objects, strict=True))  # two centres may share a cell
    for place, thing in last.items():
        if isinstance(thing, Digit):
            assert (labels.kind[place], labels.color[place]) == (6 + int(thing.character), 0)
        else:
            assert SHAPES[labels.kind[place] - 1] == thing.kind
            assert tuple(COLORS)[labels.color[place] - 1] == thing.color
