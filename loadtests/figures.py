"""What measurements mean: rates, percentiles, and ratios that hold although a machine is never the same twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

MIN_RATE_RATIO = 0.95
MAX_WAIT_RATIO = 1.10
"""How much of the stock server's rate ours must reach, and how much longer its first words may take."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One load on one server, from the first question to the last answer."""

    seconds: float
    waits: Sequence[float]
    """Seconds from each question to the first words of its answer."""
    tokens: int
    """Of all answers together."""
    server_cpu: float
    """Seconds of processor time in the process that speaks HTTP."""
    load_cpu: float
    """The same in the process that asks."""

    def requests_per_second(self) -> float:
        return len(self.waits) / self.seconds

    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds

    def cpu_per_request(self) -> float:
        return self.server_cpu / len(self.waits)

    def p50(self) -> float:
        return percentile(self.waits, 50)

    def p95(self) -> float:
        return percentile(self.waits, 95)


Figure = Callable[[Phase], float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same load on both servers, round by round."""

    kind: str
    streams: int
    ours: Sequence[Phase]
    stock: Sequence[Phase]

    def ratios(self, figure: Figure) -> list[float]:
        """Ours over stock, for each round: what changes from round to round does not disturb it."""
        return [figure(a) / figure(b) for a, b in zip(self.ours, self.stock, strict=True)]

    def ratio(self, figure: Figure) -> float:
        return median(self.ratios(figure))

    def verdict(self) -> str:
        """Whether our server is as fast as it has to be. Only text has a target."""
        if self.kind != "text":
            return "-"
        missed = []
        if self.ratio(Phase.requests_per_second) < MIN_RATE_RATIO:
            missed.append("rate")
        if self.ratio(Phase.p50) > MAX_WAIT_RATIO:
            missed.append("p50")
        return f"FAIL ({', '.join(missed)})" if missed else "pass"


@dataclass(frozen=True, slots=True)
class Speedup:
    """Our server with several users against plain PyTorch, round by round, in requests a second."""

    kind: str
    users: int
    ours: Sequence[float]
    plain: Sequence[float]
    same: bool
    """Whether both gave the same answer."""

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.plain, strict=True)]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of 100 of them do not exceed."""
    return sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]
