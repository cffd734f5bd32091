"""Whether a server that is loaded evenly comes to hold more and more. Knows what was seen, not why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median

from loadtests.users.watching import Held, read

WARM = 1 / 3
"""Of a run: caches fill, pools start."""
LIMITS = {"mib": 64.0, "files": 16.0, "threads": 8.0, "tasks": 32.0}
"""How much more there may be at the end than after the warming up."""


@dataclass(frozen=True, slots=True)
class Growth:
    name: str
    """Of the processes."""
    figure: str
    """One of LIMITS."""
    after: float
    """Median of the first half of what is counted."""
    end: float
    """Of the second half."""
    per_hour: float
    """Slope of the straight line through all that is counted."""

    @property
    def flat(self) -> bool:
        return self.end - self.after <= LIMITS[self.figure]

    def __str__(self) -> str:
        return f"{self.name}'s {self.figure} from {self.after:g} to {self.end:g}"


def grown(folder: Path) -> list[Growth]:
    """In a run in `folder`, beginning when it was warm; empty where nothing was watched."""
    seen = read(folder)
    return [growth for name in dict.fromkeys(one.name for one in seen) for growth in _of(name, seen)]


def _of(name: str, seen: Sequence[Held]) -> Iterator[Growth]:
    """Of the processes of this name; of what was seen twice at least."""
    begin, end = seen[0].at, seen[-1].at
    counted = [one for one in seen if one.name == name and one.at >= begin + WARM * (end - begin)]
    for figure in LIMITS:
        points = [(one.at, getattr(one, figure)) for one in counted if getattr(one, figure) is not None]
        if len({at for at, _ in points}) < 2:
            continue
        times, values = zip(*points, strict=True)
        half = len(values) // 2
        slope = linear_regression(times, values).slope
        yield Growth(name, figure, median(values[:half]), median(values[half:]), 3600 * slope)
