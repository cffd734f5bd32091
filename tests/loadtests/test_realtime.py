"""What the Realtime bench makes of what its load gives."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from loadtests.realtime import questions
from loadtests.realtime_rows import BEYOND_HEADER, HEADER, REAL_HEADER, row, row_beyond, row_of_model, verdict
from loadtests.turns import Script, Turn

SCRIPT = Script(first_token=0.1, first_unit=0.2, first_chunk=0.1)
TURN = Turn(begun=1.0, ended=2.0, stopped_ms=2496, stopped=2.53, created=2.54, words=2.65, sound=2.86)
OVER = replace(TURN, over=True, started=1.15, last_sound=1.1, cancelled=1.16)


def given(*turns: Turn, late: int = 0) -> dict[str, Any]:
    sent = {"appends": 1000, "late": late, "latest": 0.1}
    return {"turns": [asdict(turn) for turn in turns], "sent": sent, "server_cpu": 0.5, "load_cpu": 0.25, "ended": []}


def rated(*turns: Turn, sessions: int = 50, late: int = 0) -> dict[str, str]:
    return dict(zip(HEADER, row(sessions, given(*turns, late=late), SCRIPT), strict=True))


def test_what_is_beyond_the_stages_and_what_is_still_heard() -> None:
    rows = rated(TURN, OVER)
    assert (rows["turns"], rows["lost"]) == ("2", "0")
    assert rows["first sound p50, ms"] == "860.0"
    assert rows["its stages p50, ms"] == "820.0"
    assert rows["beyond them p50, ms"] == "40.0"
    assert (rows["barge-ins"], rows["to silence p50, ms"]) == ("1 of 1", "150.0")
    assert (rows["CPU of server, %"], rows["of load, %"], rows["late appends, %"]) == ("50", "25", "0.0")
    assert rows["target"] == "pass"


def test_what_is_beyond_is_cut_into_stages() -> None:
    values = row_beyond(50, given(TURN, OVER), SCRIPT)
    assert len(values) == len(BEYOND_HEADER)
    #      told    begun   words   sound, each p50 and p95
    assert values[1:9] == ["10.0", "10.0", "10.0", "10.0", "10.0", "10.0", "10.0", "10.0"]
    assert values[9:] == ["150.0", "150.0", "0.0", "10.0"]
    assert row_beyond(50, given(), SCRIPT)[1:] == ["-"] * 12


def test_each_target_that_is_missed_is_named() -> None:
    assert rated(replace(TURN, sound=2.88), OVER)["target"] == "FAIL (first sound)"
    assert rated(TURN, replace(OVER, started=1.21))["target"] == "FAIL (silence)"
    assert rated(TURN, OVER, late=11)["target"] == "FAIL (load late)"
    assert rated(TURN, OVER, replace(TURN, sound=None))["target"] == "FAIL (lost)"
    assert rated(TURN, OVER, replace(OVER, cancelled=None))["target"] == "FAIL (lost)"
    assert rated(TURN)["target"] == "FAIL (no answers)"
    assert row(50, given(TURN, OVER) | {"ended": ["1011"]}, SCRIPT)[-1] == "FAIL (sessions ended)"
    assert verdict(100, ["lost"]) == "goal missed (lost)"
    assert verdict(100, ["lost"], processes=2) == "FAIL (lost)"
    assert verdict(200, []) == "pass"


def test_a_real_model_is_cut_into_what_the_wire_tells() -> None:
    rows = dict(zip(REAL_HEADER, row_of_model(2, given(TURN, replace(TURN, created=None))), strict=True))
    assert (rows["turns"], rows["lost"]) == ("2", "1")
    assert (rows["wait p50, ms"], rows["silence p50, ms"], rows["first sound p50, ms"]) == ("860.0", "520.0", "210.0")
    assert row_of_model(1, given())[-1] == "-"


def test_no_question_comes_twice() -> None:
    asked = questions(160)
    assert len(set(asked)) == 160
    assert asked[:16] == questions(16)
