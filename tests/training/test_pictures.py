"""The pictures are what their labels and answers say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from engine.preprocess import CELL, padded
from training.world import paint, pictures, sprites
from training.world.asking import place, questions
from training.world.cells import cells
from training.world.pictures import Digit, Picture, Shape, overlap, picture
from training.world.words import COLORS, PLACES, SHAPES, in_words, listed, with_article

SEEDS = range(30)


def drawn(seed: int, written: float = 0.25, largest: int = 320, held_out: bool = False) -> Picture:
    return picture(np.random.default_rng(seed), largest=largest, written=written, held_out=held_out)


def answers(seen: Picture, seed: int = 0) -> dict[str, str]:
    return {turn.question: turn.answer for turn in questions(seen, np.random.default_rng(seed))}


def test_same_seed_draws_and_asks_the_same() -> None:
    one, other = drawn(7), drawn(7)
    assert np.array_equal(one.pixels, other.pixels)
    assert (one.objects, answers(one)) == (other.objects, answers(other))
    assert not np.array_equal(one.pixels.shape, drawn(8).pixels.shape)


@pytest.mark.parametrize("seed", SEEDS)
def test_shapes_lie_inside_and_apart_in_the_promised_sizes(seed: int) -> None:
    seen = drawn(seed, written=0)
    height, width = seen.mask.shape
    assert seen.pixels.shape == (height, width, 3)
    assert 64 <= min(height, width) <= max(height, width) <= 320
    assert 1 <= len(seen.shapes) <= 5
    assert seen.objects == seen.shapes == tuple(sorted(seen.shapes, key=lambda shape: shape.x))
    found = [
        tuple(round(value) for value in (s.x - s.size / 2, s.y - s.size / 2, s.x + s.size / 2, s.y + s.size / 2))
        for s in seen.shapes
    ]
    for index, (shape, box) in enumerate(zip(seen.shapes, found, strict=True), 1):
        assert 0.12 <= shape.size / min(height, width) <= 0.6
        assert min(box[:2]) >= 0
        assert box[2] <= width
        assert box[3] <= height
        rows, cols = np.nonzero(seen.mask == index)
        assert box[0] <= cols.min() <= cols.max() < box[2]
        assert box[1] <= rows.min() <= rows.max() < box[3]
        assert max(np.ptp(rows), np.ptp(cols)) + 1 >= 0.8 * shape.size - 2
        assert all(overlap(box, other) <= 0.05 for other in found[index:])  # type: ignore[arg-type]


def test_a_shape_has_its_color_and_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paint, "shade", lambda dice, color: COLORS[color])
    for seed in SEEDS:
        seen = drawn(seed, written=0)
        around = seen.pixels[seen.mask == 0].astype(float)
        for index, shape in enumerate(seen.shapes, 1):
            typical = np.median(seen.pixels[seen.mask == index], axis=0)
            assert np.abs(typical - COLORS[shape.color]).max() < 30
            assert np.median(np.linalg.norm(around - typical, axis=1)) > 40


@pytest.mark.parametrize("color", COLORS)
def test_each_shade_is_nearer_to_its_own_name_than_to_others(color: str) -> None:
    dice = np.random.default_rng(0)
    own = [np.array(value) for value in (COLORS[color], *paint._PURE[color])]
    others = [np.array(value) for name in COLORS if name != color for value in (COLORS[name], *paint._PURE[name])]
    for _ in range(200):
        shade = np.array(paint.shade(dice, color))
        assert min(np.linalg.norm(shade - value) for value in own) < min(
            np.linalg.norm(shade - value) for value in others
        )


@pytest.mark.parametrize("held_out", [False, True])
def test_digits_are_where_their_boxes_say(held_out: bool) -> None:
    for seed in SEEDS:
        seen = drawn(seed, written=1, held_out=held_out)
        height, width = seen.mask.shape
        assert seen.number is not None
        assert not seen.shapes
        assert 0 <= int(seen.number) <= 999
        assert "".join(digit.character for digit in seen.objects if isinstance(digit, Digit)) == seen.number
        for index, digit in enumerate(seen.objects, 1):
            assert isinstance(digit, Digit)
            rows, cols = np.nonzero(seen.mask == index)
            left, top, right, bottom = digit.box
            assert 0 <= left <= cols.min() <= cols.max() < right <= width
            assert 0 <= top <= rows.min() <= rows.max() < bottom <= height
            share = (bottom - top) / min(height, width)
            low, high = pictures.HELD_OUT_HEIGHTS
            if not held_out:
                assert not low < share < high
            elif bottom - top >= 20:  # smaller ones are rounded to whole pixels
                assert 0.94 * low < share < 1.06 * high
            assert bottom - top >= 8


def test_a_missing_font_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sprites, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install matplotlib"):
        sprites.font_file.__wrapped__(False)


def test_places_are_the_thirds() -> None:
    spots = [place(x, y, 300, 90) for y in (1, 45, 89) for x in (99, 101, 201)]
    assert tuple(spots) == PLACES
    assert place(300, 90, 300, 90) == "bottom right"


@pytest.mark.parametrize("seed", SEEDS)
def test_every_answer_is_true_and_every_question_unambiguous(seed: int) -> None:
    seen = drawn(seed, largest=200)
    height, width = seen.mask.shape
    names = [shape.name for shape in seen.shapes]
    for question, answer in answers(seen, seed).items():
        match question.split():
            case ["What" | "Which", "color" | "colour", *_] | ["What", "is", "the", "color", *_]:
                (one,) = [shape for shape in seen.shapes if shape.kind in question]
                assert answer == f"The {one.kind} is {one.color}."
            case ["What" | "Which", "shape", *_]:
                (one,) = [shape for shape in seen.shapes if shape.color in question]
                assert answer == f"The {one.kind} is {one.color}."
            case ["Where", *_]:
                (one,) = [s for s in seen.shapes if s.name in question or question == f"Where is the {s.kind}?"]
                assert answer.endswith(f" the {place(one.x, one.y, width, height)}.")
            case ["Is" | "Do", *_]:
                (asked,) = re.findall(rf"(?:(?:{'|'.join(COLORS)}) )?(?:shape|{'|'.join(SHAPES)})", question)
                there = [*names, *(s.kind for s in seen.shapes), *(f"{s.color} shape" for s in seen.shapes)]
                assert answer.startswith("Yes" if asked in there else "No")
                assert asked in answer
            case _ if "number" in question:
                assert answer == (f"The number {seen.number} is written." if seen.number else "There is no number.")
            case _ if "shapes" in question:
                assert (in_words(len(names)) if names else f"no shapes, only the number {seen.number}") in answer
            case _:
                things = listed([with_article(name) for name in names]) if names else f"the number {seen.number}"
                assert answer == f"I see {things}."


def test_answers_of_yes_and_no_are_balanced() -> None:
    turns = [turn for seed in range(120) for turn in questions(drawn(seed, largest=64), np.random.default_rng(seed))]
    said = [turn.answer.startswith("Yes") for turn in turns if turn.answer.startswith(("Yes", "No,"))]
    assert 0.42 < np.mean(said) < 0.58


@pytest.mark.parametrize("seed", SEEDS)
def test_cells_agree_with_the_objects(seed: int) -> None:
    seen = drawn(seed, written=0.5)
    height, width = seen.mask.shape
    canvas = padded((width, height), CELL)
    rows, cols = canvas[1] // 16, canvas[0] // 16
    labels = cells(seen, rows, cols)
    assert labels.kind.shape == labels.color.shape == labels.centre.shape == labels.index.shape == (rows, cols)
    assert labels.centre.sum() <= len(seen.objects)
    assert ((labels.kind > 0) == (labels.index > 0)).all()
    assert labels.index[labels.centre == 1].all()
    on_canvas = np.zeros((canvas[1], canvas[0]), int)
    left, top = (canvas[0] - width) // 2, (canvas[1] - height) // 2
    on_canvas[top : top + height, left : left + width] = seen.mask
    blocks = on_canvas.reshape(rows, 16, cols, 16).transpose(0, 2, 1, 3).reshape(rows, cols, 256)
    for row, col in np.argwhere(labels.centre == 0):
        thing, index = blocks[row, col], labels.index[row, col]
        if seen.number is None:
            assert (thing == index).mean() > 0.15 if index else np.bincount(thing, minlength=2)[1:].max() < 0.25 * 256
    for index, thing in enumerate(seen.objects, 1):
        cell = int((thing.y + top) / 16), int((thing.x + left) / 16)
        assert labels.centre[cell] == 1
        if labels.index[cell] != index:
            continue  # two centres in one cell
        if isinstance(thing, Shape):
            assert SHAPES[labels.kind[cell] - 1] == thing.kind
            assert tuple(COLORS)[labels.color[cell] - 1] == thing.color
        else:
            assert labels.kind[cell] == 6 + int(thing.character)
            assert labels.color[cell] == 0
