"""What answers have to be like for a run to pass, each by its name, and those that were missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.figures import percentile
from loadtests.users.answers import Answer
from loadtests.users.watchwords import Verdict

GAP = 0.1
"""Seconds of silence from which an answer's sound is no longer continuous: the C100 of reports."""


class TargetError(Exception):
    """No such target, or no number."""


@dataclass(frozen=True, slots=True)
class Target:
    """`measure` gives None where nothing was asked that it could be measured on."""

    about: str
    measure: Callable[[Sequence[Answer]], float | None]
    limit: float
    at_least: bool = False

    def met(self, measured: float, limit: float) -> bool:
        return measured >= limit if self.at_least else measured <= limit


def having(verdict: Verdict) -> Callable[[Sequence[Answer]], float | None]:
    """How many of the answers."""
    return lambda answers: sum(answer.verdict is verdict for answer in answers)


def right(answers: Sequence[Answer]) -> float | None:
    """The share of those that could be right."""
    whole = [answer for answer in answers if answer.verdict is not Verdict.CUT]
    return sum(answer.verdict is Verdict.RIGHT for answer in whole) / len(whole) if whole else None


def c100(answers: Sequence[Answer]) -> float | None:
    """The share of heard answers without a gap longer than GAP."""
    heard = [answer for answer in answers if answer.heard]
    return sum(answer.longest_stop <= GAP for answer in heard) / len(heard) if heard else None


def p95(figure: Callable[[Answer], float | None]) -> Callable[[Sequence[Answer]], float | None]:
    def measure(answers: Sequence[Answer]) -> float | None:
        values = [value for answer in answers if (value := figure(answer)) is not None]
        return percentile(values, 95) if values else None

    return measure


def chat_sound(answer: Answer) -> float | None:
    return answer.first_sound if answer.kind != "realtime" else None


def turn_sound(answer: Answer) -> float | None:
    return answer.first_sound if answer.kind == "realtime" else None


# Those of time are what two cores without a GPU can reach while they watch videos: they catch what hangs.
TARGETS: Mapping[str, Target] = {
    "answers": Target("answers at all", lambda answers: len(answers), 1, at_least=True),
    "failed": Target("answers that failed", having(Verdict.FAILED), 0),
    "stolen": Target("answers meant for somebody else", having(Verdict.STOLEN), 0),
    "right": Target("share of right answers", right, 0.8, at_least=True),
    "c100": Target("share of heard answers without a gap over 100 ms", c100, 0.95, at_least=True),
    "first-words-p95": Target("seconds to the first words", p95(lambda answer: answer.first_words), 20.0),
    "first-sound-p95": Target("seconds to the first sound of a chat's answer", p95(chat_sound), 20.0),
    "turn-p95": Target("seconds from the end of speech to the first sound", p95(turn_sound), 20.0),
    "hushed-p95": Target("seconds until an interrupted answer is silent", p95(lambda answer: answer.hushed), 1.0),
}
CORRECTNESS = ("answers", "failed", "stolen", "right")
"""Targets that hold on any machine."""


def limits(given: Iterable[str], *, timed: bool) -> dict[str, float]:
    """The limit of each target: that of TARGETS where `given` has no `NAME=VALUE`. Not `timed`: only of what is in
    CORRECTNESS or given.

    Raises:
        TargetError: one of `given` is none.
    """
    chosen = {name: target.limit for name, target in TARGETS.items() if timed or name in CORRECTNESS}
    for one in given:
        name, _, value = one.partition("=")
        if name not in TARGETS:
            raise TargetError(f"no target {name!r}; there are {', '.join(TARGETS)}")
        try:
            chosen[name] = float(value)
        except ValueError:
            raise TargetError(f"{one!r}: not NAME=NUMBER") from None
    return chosen


@dataclass(frozen=True, slots=True)
class Checked:
    name: str
    measured: float | None
    limit: float

    @property
    def met(self) -> bool:
        """What could not be measured misses no target."""
        return self.measured is None or TARGETS[self.name].met(self.measured, self.limit)

    def __str__(self) -> str:
        target = TARGETS[self.name]
        measured = "nothing to measure" if self.measured is None else f"{self.measured:.4g}"
        bound = f"{'at least' if target.at_least else 'at most'} {self.limit:g}"
        return f"{'ok  ' if self.met else 'MISS'} {self.name}: {target.about}: {measured} ({bound})"


def checked(answers: Sequence[Answer], chosen: Mapping[str, float]) -> list[Checked]:
    return [Checked(name, TARGETS[name].measure(answers), limit) for name, limit in chosen.items()]
