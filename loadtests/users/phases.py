"""How many users there are and for how long: `30x2,30x8` is half a minute of two, then half a minute of eight."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

_PHASE = re.compile(r"(\d+(?:\.\d+)?)x(\d+)")


class PhasesError(Exception):
    """What was given describes no phases."""


@dataclass(frozen=True, slots=True)
class Phase:
    seconds: float
    users: int


def phases(text: str) -> list[Phase]:
    """Raises PhasesError."""
    found = []
    for part in text.split(","):
        match = _PHASE.fullmatch(part.strip())
        if match is None or not float(match[1]) or not int(match[2]):
            raise PhasesError(f"{part!r} is no phase: seconds, x and users, as in 30x8")
        found.append(Phase(float(match[1]), int(match[2])))
    return found


def at(planned: Sequence[Phase], seconds: float) -> Phase | None:
    """The phase that many seconds after the beginning; None: all are over."""
    ends = accumulate(phase.seconds for phase in planned)
    return next((phase for phase, end in zip(planned, ends, strict=True) if seconds < end), None)
