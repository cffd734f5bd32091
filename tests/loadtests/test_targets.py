"""What a run is judged by, over answers of which everything is known."""

from __future__ import annotations

import pytest

from loadtests.users.answers import Answer
from loadtests.users.targets import CORRECTNESS, TARGETS, TargetError, checked, limits
from loadtests.users.watchwords import Verdict

RIGHT, WRONG, STOLEN, CUT, FAILED = (
    *(Verdict.RIGHT, Verdict.WRONG, Verdict.STOLEN),
    *(Verdict.CUT, Verdict.FAILED),
)


def chat(verdict: Verdict = RIGHT, *stops: float, words: float = 0.1, sound: float | None = 0.2) -> Answer:
    return Answer("text", sound is not None, 0.0, 1, verdict, 1.0, first_words=words, first_sound=sound, stops=stops)


def turn(sound: float, hushed: float | None = None) -> Answer:
    return Answer("realtime", True, 0.0, 1, RIGHT, 1.0, first_sound=sound, hushed=hushed)


@pytest.mark.parametrize(
    ("name", "answers", "measured", "met"),
    [
        ("answers", [], 0, False),
        ("failed", [chat(), chat(FAILED)], 1, False),
        ("stolen", [chat(), chat(STOLEN)], 1, False),
        ("stolen", [chat(), chat(WRONG)], 0, True),
        ("right", [chat(), chat(), chat(), chat(WRONG)], 0.75, False),
        ("right", [chat(), chat(CUT)], 1.0, True),
        ("c100", [chat(), chat(RIGHT, 0.1), chat(RIGHT, 0.05, 0.101), chat(sound=None)], 2 / 3, False),
        ("first-words-p95", [chat(words=21.0)], 21.0, False),
        ("first-sound-p95", [chat(sound=9.0), turn(99.0)], 9.0, True),
        ("turn-p95", [chat(sound=99.0), turn(21.0)], 21.0, False),
        ("hushed-p95", [turn(1.0), turn(1.0, 0.3)], 0.3, True),
        ("hushed-p95", [turn(1.0)], None, True),
        ("c100", [chat(sound=None)], None, True),
    ],
)
def test_each_target(name: str, answers: list[Answer], measured: float | None, met: bool) -> None:
    (result,) = checked(answers, {name: TARGETS[name].limit})
    assert result.measured == measured if measured is None else result.measured == pytest.approx(measured)
    assert result.met == met
    assert str(result).startswith(f"{'ok  ' if met else 'MISS'} {name}: ")


def test_targets_may_be_moved_and_those_of_time_left_out() -> None:
    assert limits((), timed=True) == {name: target.limit for name, target in TARGETS.items()}
    assert list(limits((), timed=False)) == list(CORRECTNESS)
    assert limits(["right=0.5", "c100=1"], timed=False) == limits((), timed=False) | {"right": 0.5, "c100": 1.0}


@pytest.mark.parametrize(
    ("given", "why"), [("speed=1", "no target 'speed'"), ("right=much", "not NAME=NUMBER"), ("right", "not NAME")]
)
def test_a_target_that_is_none_is_refused(given: str, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        limits([given], timed=True)
