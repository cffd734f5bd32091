"""A sketch is laid out as what it stands for, and says what is there."""

from __future__ import annotations

import numpy as np
import pytest

from engine.preprocess import CELL, image_rows, low_size
from engine.preprocess import video_rows as served_video_rows
from training.rows import Seen, Watched, rows_of, sound_rows
from training.sketch import (
    CENTRE,
    MARKS,
    NOTHING,
    PROBES,
    UNASKED,
    of_clip,
    of_picture,
    of_recording,
)
from training.world.cells import KINDS, SHADES, cells, labels_of
from training.world.clips import clip
from training.world.pictures import picture, scene
from training.world.sentences import VOCABULARY, WORDS, numbered
from training.world.words import MOTIONS, SHAPES

COUNT, MOTION = (list(PROBES).index(name) for name in ("count", "motion"))
FIRST_HALF, SECOND_HALF = len(MARKS), len(MARKS) + WORDS


@pytest.mark.parametrize("seed", range(8))
def test_rows_lie_where_those_of_the_picture_do(seed: int) -> None:
    drawn = picture(np.random.default_rng(seed), largest=300)
    height, width = drawn.mask.shape
    whole = of_picture(drawn)
    assert whole.positions.tolist() == rows_of(Seen(drawn.pixels), None).positions.tolist()
    sketch = whole.thinned(np.random.default_rng(seed))
    assert len(sketch.codes) < len(whole.codes)
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
    sketch = of_picture(drawn).thinned(np.random.default_rng(seed))
    first_view = sketch.positions < 1 + low[1] // CELL * (low[0] // CELL + 1)
    centres = sketch.codes[first_view & (sketch.codes[:, CENTRE] == 1)]
    assert len(centres) == truth.centre.sum()
    said = centres[:, NOTHING : NOTHING + KINDS].argmax(1)
    assert said.tolist() == truth.kind[truth.centre == 1].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_the_second_view_asks_what_stands_to_the_right(seed: int) -> None:
    drawn = picture(np.random.default_rng(seed), largest=300)
    whole = of_picture(drawn)
    second = whole.rows > int(np.flatnonzero(whole.codes[:, MARKS.index("sep")])[0])
    assert (whole.probes[~second] == UNASKED).all()
    assert set(whole.probes[:, COUNT]) <= {UNASKED, len(drawn.objects)}
    assert (whole.probes[:, COUNT] > 0).sum() >= len(drawn.objects) // 2
    labels = [labels_of(thing) for thing in drawn.objects]
    for row in np.flatnonzero(whole.probes[:, COUNT] > 0):
        kind, color = (
            int(whole.codes[row, start : start + count].argmax())
            for start, count in ((NOTHING, KINDS), (NOTHING + KINDS, SHADES))
        )
        following = [[*labels, (0, 0)][place] for place, label in enumerate(labels, 1) if label == (kind, color)]
        assert tuple(whole.probes[row, :2]) in following


@pytest.mark.parametrize("seed", range(6))
def test_the_last_frame_asks_how_each_shape_moves(seed: int) -> None:
    drawn = clip(np.random.default_rng(seed), count=6, largest=200)
    size = drawn.frames.shape[2], drawn.frames.shape[1]
    whole = of_clip([scene(shapes, size) for shapes in drawn.scenes], size, drawn.motion)
    asked = np.flatnonzero(whole.probes[:, MOTION] != UNASKED)
    assert (asked > np.flatnonzero(whole.codes[:, MARKS.index("sep")])[-2]).all()
    actor = whole.codes[asked, NOTHING + 1 + SHAPES.index(drawn.actor)] > 0
    assert actor.any()
    assert {MOTIONS[n] for n in whole.probes[asked[actor], MOTION]} == {drawn.motion}
    assert {MOTIONS[n] for n in whole.probes[asked[~actor], MOTION]} <= {"still"}


@pytest.mark.parametrize("seed", range(6))
def test_a_clip_is_laid_out_as_its_kept_frames(seed: int) -> None:
    drawn = clip(np.random.default_rng(seed), count=7, largest=200)
    size = drawn.frames.shape[2], drawn.frames.shape[1]
    whole = of_clip([scene(shapes, size) for shapes in drawn.scenes], size, drawn.motion)
    strip = rows_of(Watched(drawn.frames, drawn.seconds), None)
    assert whole.positions.tolist() == strip.positions.tolist()
    assert whole.span == strip.span == served_video_rows(size)
    thin = whole.thinned(np.random.default_rng(seed))
    assert float(np.exp(thin.weights).sum()) == pytest.approx(whole.span, rel=1e-4)
    centres = whole.codes[:, CENTRE] == 1
    actor = whole.codes[:, NOTHING + 1 + SHAPES.index(drawn.actor)] == 1
    assert (centres & actor).sum() == 7


def test_the_actor_is_seen_where_it_is_drawn() -> None:
    for seed in range(12):
        drawn = clip(np.random.default_rng(seed), count=5, largest=200)
        first, last = drawn.scenes[0][0], drawn.scenes[-1][0]
        ways = {"right": last.x > first.x, "left": last.x < first.x, "down": last.y > first.y, "up": last.y < first.y}
        assert ways.get(drawn.motion, (first.x, first.y) == (last.x, last.y))
        assert (drawn.motion == "color") is (first.color != last.color)
        assert last.color == (drawn.becomes or drawn.color)


def test_a_recording_says_its_words_half_by_half() -> None:
    """Row 1: `red` and then `star`; row 2: `star` goes on; then silence."""
    red, star = numbered("Red star")
    frames = np.array([red] * 5 + [star] * 7)
    begins = np.array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    nothing = np.zeros(12, np.int64)
    sketch = of_recording(frames, begins, nothing + 6, nothing)
    assert sketch.span == len(sketch.codes) == len(sound_rows(None).positions)
    first, second, third = sketch.codes[1:4]
    assert (first[FIRST_HALF + red], first[SECOND_HALF + star]) == (1, 1)
    assert second[FIRST_HALF + star] == pytest.approx(0.4)
    assert second[SECOND_HALF] == 1
    assert first[SECOND_HALF + WORDS : SECOND_HALF + WORDS + 2].tolist() == [1, 1]
    assert second[SECOND_HALF + WORDS : SECOND_HALF + WORDS + 2].tolist() == [0, 0]
    assert third[FIRST_HALF] == 1
    thin = sketch.thinned(np.random.default_rng(0))
    assert len(thin.codes) == 1 + 2 + 3 + 2
    assert float(np.exp(thin.weights).sum()) == pytest.approx(sketch.span, rel=1e-4)


def test_a_word_beyond_the_vocabulary_has_the_last_number() -> None:
    assert numbered("Zeppelin") == [WORDS - 1]
    assert numbered(VOCABULARY[-1]) == [WORDS - 2]
