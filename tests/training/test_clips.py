"""In the clips happens what their answers say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from engine.preprocess import sampled
from training.world import clips, paint
from training.world.clips import Clip, clip, names_question, names_questions, questions
from training.world.words import COLORS, DIRECTIONS, SHAPES, with_article

SEEDS = range(40)
WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


def drawn(seed: int, count: int | None = 2, largest: int = 200) -> Clip:
    return clip(np.random.default_rng(seed), count=count, largest=largest)


def off(frame: npt.NDArray[np.uint8], color: str) -> npt.NDArray[np.float64]:
    """Distance of every pixel from the color."""
    return np.asarray(np.linalg.norm(frame.astype(float) - COLORS[color], axis=2))


def answers(seen: Clip) -> dict[str, str]:
    return {turn.question: turn.answer for seed in range(40) for turn in questions(seen, np.random.default_rng(seed))}


def test_same_seed_draws_the_same() -> None:
    one, other = drawn(3), drawn(3)
    assert np.array_equal(one.frames, other.frames)
    assert replace(one, frames=other.frames) == replace(other, frames=other.frames)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_said_to_happen_happens(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paint, "shade", lambda dice, color: COLORS[color])
    monkeypatch.setattr(clips, "_flicker", lambda dice, frames, noise: None)
    seen = drawn(seed)
    first, last = seen.frames
    came_nearer = off(first, seen.color) - off(last, seen.color)
    if seen.motion in DIRECTIONS:
        start, end = np.argwhere(came_nearer < -60), np.argwhere(came_nearer > 60)
        down, right = (end.mean(0) - start.mean(0)).tolist()
        x, y = WAYS[seen.motion]
        sidewards, onwards = (down, right * x) if x else (right, down * y)
        assert onwards > 0.1 * first.shape[1 if x else 0]
        assert abs(sidewards) < onwards / 3
    elif seen.motion == "color":
        assert seen.becomes not in (None, seen.color)
        changed = np.linalg.norm(first.astype(float) - last, axis=2) > 60
        assert np.median(off(first, seen.color)[changed]) < 50
        assert np.median(off(last, str(seen.becomes))[changed]) < 50
    else:
        assert np.mean(np.linalg.norm(first.astype(float) - last, axis=2) > 120) < 0.01  # JPEG may differ


@pytest.mark.parametrize("seed", range(20))
def test_the_cast_is_one_actor_and_at_most_one_other_kind(seed: int) -> None:
    seen = drawn(seed)
    assert seen.shapes[0] == f"{seen.color} {seen.actor}"
    kinds = [name.split()[1] for name in seen.shapes]
    assert len(set(kinds)) == len(kinds) <= 2
    assert set(kinds) <= set(SHAPES)
    assert 1 <= seen.seconds <= 6
    assert 8 <= seen.fps <= 25
    assert (seen.becomes is None) == (seen.motion != "color")


@pytest.mark.parametrize("seed", range(4))
def test_few_frames_are_those_of_the_whole_clip(seed: int) -> None:
    few, whole = drawn(seed, 6, 96), drawn(seed, None, 96)
    assert len(whole.frames) == round(whole.seconds * whole.fps)
    expected = sampled(whole.frames)[np.linspace(0, 63, 6).round().astype(int)]
    # Flickering noise and JPEG fall differently, so a few pixels may differ much and many a little.
    assert np.mean(np.abs(expected.astype(int) - few.frames).max(3) > 90) < 0.01


def test_answers_tell_the_facts() -> None:
    motions = set()
    for seed in range(40):
        seen = drawn(seed, largest=64)
        said, name = answers(seen), seen.shapes[0]
        motions.add(seen.motion)
        moves = seen.motion in DIRECTIONS
        assert said["What is moving?"] == (f"The {name} is moving." if moves else "Nothing is moving.")
        expected = f"It moves {seen.motion}." if moves else "It does not move."
        assert said["In which direction does it move?"] == expected
        others = "".join(f" and {with_article(other)}" for other in seen.shapes[1:])
        changes = f"The {seen.actor} changes its color from {seen.color} to {seen.becomes}."
        if moves:
            acting, happens = f"{with_article(name)} moving {seen.motion}", f"The {name} moves {seen.motion}."
        elif seen.becomes:
            acting, happens = f"{with_article(seen.actor)} that changes from {seen.color} to {seen.becomes}", changes
        else:
            acting, happens = f"{with_article(name)} that does not move", "Nothing moves."
        assert said["What do you see?"] == said["Describe the video."] == f"I see {acting}{others}."
        assert said["What happens in the video?"] == happens
        assert said.get("What changes color?") == (changes if seen.becomes else None)
        for number, kind in enumerate(other.split()[-1] for other in seen.shapes):
            moving = moves and number == 0
            expected = f"Yes, the {kind} is moving." if moving else f"No, the {kind} is not moving."
            assert said[f"Is the {kind} moving?"] == expected
        assert said["Does anything change color?"].startswith("Yes, the" if seen.becomes else "No, nothing")
    assert motions == {*DIRECTIONS, "still", "color"}


def test_the_voice_names_the_shape_only_by_its_whole_word() -> None:
    moving = next(seen for seen in map(drawn, SEEDS) if seen.motion in DIRECTIONS)
    seen = replace(moving, actor="star")
    assert names_question(seen, "Look at the STAR!").answer == "Yes, the voice names the star."
    assert names_question(seen, "Let us start.").answer == "No, the voice does not name the star."
    assert names_question(seen, "Hello.").question == "Does the voice name the moving shape?"


@pytest.mark.parametrize("seed", range(6))
def test_as_many_words_are_asked_for_as_the_voice_says_and_one_that_it_does_not(seed: int) -> None:
    dice = np.random.default_rng(seed)
    said = names_questions(drawn(seed, largest=64), "Where is the star, and where the cross?", dice)
    others = [turn for turn in said if "moving shape" not in turn.question]
    yes, no = ([turn.question for turn in others if turn.answer.startswith(word)] for word in ("Yes", "No"))
    assert yes == ["Does the voice name the star?", "Does the voice name the cross?"]
    assert len(no) == 1
    assert no[0].split()[-1] in ("circle?", "square?", "triangle?")
