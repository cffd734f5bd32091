"""What a turn's times mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtests.turns import Script, Turn, heard, silence, stages, wait

TURN = Turn(begun=1.0, ended=2.0, stopped_ms=2490, stopped=2.53, created=2.54, words=2.65, sound=2.9)


@pytest.mark.parametrize(
    ("stopped_ms", "seconds"),
    [
        (2496, 2.52),  # the end of a window, in the middle of an append
        (2490, 2.52),  # decided only where its window ends
        (2497, 2.56),  # the next window, 2528, reaches into the next append
        (2560, 2.56),  # both end there
    ],
)
def test_a_turn_is_heard_when_window_and_append_are_whole(stopped_ms: int, seconds: float) -> None:
    assert heard(replace(TURN, stopped_ms=stopped_ms)) == seconds


def test_what_a_script_does_not_explain_is_ours() -> None:
    script = Script(first_token=0.1, first_unit=0.2, first_chunk=0.1)
    assert wait(TURN) == pytest.approx(0.9)
    assert script.expected(TURN) == pytest.approx(0.52 + 0.2 + 0.1)
    beyond = script.beyond(TURN)
    assert beyond["silence"] == 0
    assert beyond["first words"] == pytest.approx(0.01)
    assert sum(beyond.values()) == pytest.approx(wait(TURN) - script.expected(TURN))


def test_the_stages_add_up_to_the_wait() -> None:
    expected = {
        "silence": 0.52,
        "end told": 0.01,
        "answer begun": 0.01,
        "first words": 0.11,
        "first sound": 0.25,
    }
    assert stages(TURN) == pytest.approx(expected)
    assert sum(stages(replace(TURN, words=None)).values()) == pytest.approx(wait(TURN))
    assert stages(replace(TURN, words=3.5))["first sound"] == 0


def test_sound_that_comes_after_the_interruption_was_told_is_heard() -> None:
    turn = replace(TURN, over=True, started=1.2, last_sound=1.1)
    assert silence(turn) == pytest.approx(0.2)
    assert silence(replace(turn, last_sound=1.25)) == pytest.approx(0.25)
    assert silence(replace(turn, last_sound=None)) == pytest.approx(0.2)


def test_a_turn_is_answered_when_nothing_is_missing() -> None:
    assert TURN.answered
    assert not replace(TURN, sound=None).answered
    assert not TURN.hushed
    assert replace(TURN, started=1.2, cancelled=1.3).hushed
    assert not replace(TURN, started=1.2).hushed
