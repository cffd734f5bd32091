"""A sketch is laid out as the picture that it stands for, and says what is there."""

from __future__ import annotations

import numpy as np
import pytest

from engine.preprocess import CELL, image_rows, low_size
from training.sketch import MARKS, sketched
from training.world.cells import KINDS, SHADES, cells
from training.world.pictures import picture

CENTRE = len(MARKS) + KINDS + SHADES


@pytest.mark.parametrize("seed", range(8))
def test_rows_lie_where_those_of_the_picture_do(seed: int) -> None:
    drawn = picture(np.random.default_rng(seed), largest=300)
    height, width = drawn.mask.shape
    sketch = sketched(drawn, np.random.default_rng(seed))
    assert sketch.span == image_rows((width, height))
    assert sketch.positions[0] == 0
    assert sketch.positions[-1] == sketch.span - 1
    assert (np.diff(sketch.positions) > 0).all()
    assert float(np.exp(sketch.weights).sum()) == pytest.approx(sketch.span, rel=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_every_centre_is_kept_and_says_its_kind(seed: int) -> None:
    drawn = picture(np.random.default_rng(seed), largest=300, written=0)
    height, width = drawn.mask.shape
    low = low_size((width, height))
    truth = cells(drawn, low[1] // CELL, low[0] // CELL)
    sketch = sketched(drawn, np.random.default_rng(seed))
    first_view = sketch.positions < 1 + low[1] // CELL * (low[0] // CELL + 1)
    centres = sketch.codes[first_view & (sketch.codes[:, CENTRE] == 1)]
    assert len(centres) == truth.centre.sum()
    said = centres[:, len(MARKS) : len(MARKS) + KINDS].argmax(1)
    assert said.tolist() == truth.kind[truth.centre == 1].tolist()
