"""Rows of the Realtime bench's tables, of what `loadtests.talking` gave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from loadtests.report import Row, milliseconds
from loadtests.turns import STAGES, Script, Turn, both, silence, stages, wait

MUST_HOLD = 50
"""Sessions of a process that must meet the targets, 100 of two; more are a goal."""
MAX_BEYOND = 0.05
MAX_SILENCE = 0.2
MAX_LATE = 0.01
"""Share of appends that the load may send late, or the figures are those of the load."""
HEADER = (
    *("sessions", "turns", "lost", "first sound p50, ms", "p95", "its stages p50, ms", "beyond them p50, ms", "p95"),
    *("barge-ins", "to silence p50, ms", "p95", "CPU of server, %", "of load, %", "late appends, %", "target"),
)
_OURS = STAGES[1:]
BEYOND_HEADER = (
    *("sessions", *(name for stage in _OURS for name in (f"{stage} p50, ms", "p95"))),
    *("barge-in told p50, ms", "p95", "sound after that p95, ms", "cancelled after that p95, ms"),
)
REAL_HEADER = ("sessions", "turns", "lost", "wait p50, ms", "p95", *(f"{stage} p50, ms" for stage in STAGES))


def row(sessions: int, given: dict[str, Any], script: Script, *, processes: int = 1) -> Row:
    """Against the targets."""
    turns = _turns(given)
    answered, over = [turn for turn in turns if turn.answered], [turn for turn in turns if turn.over]
    hushed = [turn for turn in over if turn.hushed]
    late = given["sent"]["late"] / max(given["sent"]["appends"], 1)
    if not answered or not hushed:
        return [str(sessions), str(len(turns)), str(len(turns) - len(answered)), *["-"] * 11, "FAIL (no answers)"]
    waits, silences = both([wait(turn) for turn in answered]), both([silence(turn) for turn in hushed])
    beyond = both([wait(turn) - script.expected(turn) for turn in answered])
    missed = [
        *["sessions ended"] * bool(given["ended"]),
        *["lost"] * (len(answered) < len(turns) or len(hushed) < len(over)),
        *["first sound"] * (beyond[1] > MAX_BEYOND),
        *["silence"] * (silences[1] > MAX_SILENCE),
        *["load late"] * (late > MAX_LATE),
    ]
    return [
        *(str(sessions), str(len(turns)), str(len(turns) - len(answered)), *map(milliseconds, waits)),
        milliseconds(both([script.expected(turn) for turn in answered])[0]),
        *map(milliseconds, beyond),
        *(f"{len(hushed)} of {len(over)}", *map(milliseconds, silences)),
        *(f"{100 * share:.0f}" for share in (given["server_cpu"], given["load_cpu"])),
        f"{100 * late:.1f}",
        verdict(sessions, missed, processes),
    ]


def row_beyond(sessions: int, given: dict[str, Any], script: Script) -> Row:
    """What is ours, cut where the wire tells of something; and an interruption likewise."""
    turns = _turns(given)
    beyond = [script.beyond(turn) for turn in turns if turn.answered]
    hushed = [turn for turn in turns if turn.hushed]
    return [
        str(sessions),
        *(cell for stage in _OURS for cell in _both([one[stage] for one in beyond])),
        *_both([turn.started - turn.begun for turn in hushed if turn.started is not None]),
        _both([silence(turn) - turn.started + turn.begun for turn in hushed if turn.started is not None])[1],
        _both(
            [
                turn.cancelled - turn.started
                for turn in hushed
                if turn.cancelled is not None and turn.started is not None
            ]
        )[1],
    ]


def verdict(sessions: int, missed: Sequence[str], processes: int = 1) -> str:
    if not missed:
        return "pass"
    return f"{'FAIL' if sessions <= MUST_HOLD * processes else 'goal missed'} ({', '.join(missed)})"


def row_of_model(sessions: int, given: dict[str, Any]) -> Row:
    """The same where nobody knows how long the model and the voice take by themselves."""
    turns = _turns(given)
    answered = [turn for turn in turns if turn.answered]
    head = [str(sessions), str(len(turns)), str(len(turns) - len(answered))]
    if not answered:
        return [*head, *["-"] * (2 + len(STAGES))]
    cut = [stages(turn) for turn in answered]
    medians = [milliseconds(both([one[name] for one in cut])[0]) for name in STAGES]
    return [*head, *map(milliseconds, both([wait(turn) for turn in answered])), *medians]


def _turns(given: dict[str, Any]) -> list[Turn]:
    return [Turn(**turn) for turn in given["turns"]]


def _both(seconds: Iterable[float]) -> list[str]:
    """p50 and p95; dashes if there are none."""
    values = list(seconds)
    return [milliseconds(value) for value in both(values)] if values else ["-", "-"]
