"""The report of a run, of the files in its folder alone: `python -m loadtests.users.report build/loadtest`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from loadtests.figures import percentile
from loadtests.machine import facts
from loadtests.report import Row, table
from loadtests.users import answers, record, targets
from loadtests.users.answers import KINDS, Answer, of_kind
from loadtests.users.curves import draw
from loadtests.users.growth import Growth, grown
from loadtests.users.record import Record
from loadtests.users.watchwords import Verdict

FILE, PICTURE = "report.md", "report.png"
WRONG = 12
"""Answers that were not right, shown at most."""
_STAGES: Sequence[tuple[str, Callable[[Answer], float | None]]] = (
    ("first words", lambda answer: answer.first_words),
    ("first sound", lambda answer: answer.first_sound),
    ("whole", lambda answer: None if answer.verdict is Verdict.FAILED else answer.whole),
)
_TIMES = [column for stage, _ in _STAGES for column in (f"{stage} p50, s", "p95")]
_STOPS = ("C100, %", "answers that stopped", "stopped, s")
BY_PHASE = ("users", "seconds", "answers", "answers/s", "failed", "someone else's", "right, %", *_TIMES, *_STOPS)
BY_KIND = ("kind", "speech", "answers", "failed", "someone else's", "right, %", *_TIMES, *_STOPS)
HOLDS = ("processes", "holds", "when warm", "at the end", "an hour more", "flat")


def write(folder: Path, machine: str) -> str:
    """Write FILE and PICTURE into `folder`, and give the tables for a terminal.

    Raises:
        OSError: there is no run in it.
    """
    given, of_run, growths = answers.read(folder), record.read(folder), grown(folder)
    draw(folder, given, of_run, folder / PICTURE)
    page = "\n\n".join([f"# Load test\n\n{machine}", *_parts(given, of_run, growths, markdown=True), _wrong(given)])
    (folder / FILE).write_text(f"{page}\n\n![]({PICTURE})\n", encoding="utf-8")
    return "\n\n".join([machine, *_parts(given, of_run, growths, markdown=False), str(folder / FILE)])


def _parts(given: Sequence[Answer], of_run: Record, growths: Sequence[Growth], *, markdown: bool) -> Iterator[str]:
    yield table(BY_PHASE, phase_rows(given, of_run), markdown)
    yield table(BY_KIND, kind_rows(given), markdown)
    yield _talk(given, of_run)
    yield "\n".join(f"* {result}" for result in targets.checked(given, of_run.targets))
    if growths:
        yield table(HOLDS, map(hold_row, growths), markdown)


def phase_rows(given: Sequence[Answer], of_run: Record) -> Iterator[Row]:
    """Answers count for the phase in which their question ended; those after the last phase, for that."""
    ends = list(accumulate((phase.seconds for phase in of_run.phases), initial=of_run.began))
    for number, (phase, begin, end) in enumerate(zip(of_run.phases, ends, ends[1:], strict=False)):
        last = number == len(of_run.phases) - 1
        own = [answer for answer in given if begin <= answer.at and (answer.at < end or last)]
        if own:
            # The users of a phase that was cut short, or of the last one, are done when their answers are.
            seconds = max(answer.at + answer.whole for answer in own) - begin if last else phase.seconds
            yield [str(phase.users), f"{seconds:.0f}", str(len(own)), f"{len(own) / seconds:.2f}", *_cells(own)]


def kind_rows(given: Sequence[Answer]) -> Iterator[Row]:
    for kind in KINDS:
        for spoken in (False, True):
            if own := of_kind(given, kind, spoken=spoken):
                yield [kind, "yes" if spoken else "no", str(len(own)), *_cells(own)]


def _cells(own: Sequence[Answer]) -> Iterator[str]:
    yield from (str(sum(answer.verdict is verdict for answer in own)) for verdict in (Verdict.FAILED, Verdict.STOLEN))
    yield _percent(targets.right(own))
    for _, figure in _STAGES:
        values = [value for answer in own if (value := figure(answer)) is not None]
        yield from (f"{percentile(values, percent):.2f}" if values else "-" for percent in (50, 95))
    stopped = [answer for answer in own if answer.longest_stop > targets.GAP]
    yield _percent(targets.c100(own))
    yield str(len(stopped))
    yield f"{sum(sum(answer.stops) for answer in stopped):.2f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _talk(given: Sequence[Answer], of_run: Record) -> str:
    hushed = [answer.hushed for answer in given if answer.hushed is not None]
    silent = f"{len(hushed)} answers interrupted"
    if hushed:
        silent += f", silent after {percentile(hushed, 50):.2f} s (p50), {percentile(hushed, 95):.2f} s (p95)"
    late = 100 * of_run.sent.late / max(of_run.sent.appends, 1)
    return f"{silent}; {late:.1f} % of {of_run.sent.appends} pieces of sound were sent late by the users themselves."


def hold_row(growth: Growth) -> Row:
    numbers = (f"{value:.1f}" for value in (growth.after, growth.end, growth.per_hour))
    return [growth.name, growth.figure, *numbers, "yes" if growth.flat else "NO"]


def _wrong(given: Sequence[Answer]) -> str:
    bad = [answer for answer in given if answer.verdict not in (Verdict.RIGHT, Verdict.CUT)]
    # What is no mistake of the model comes first.
    bad.sort(key=lambda answer: answer.verdict is Verdict.WRONG)
    lines = [
        f"* {answer.kind}, {answer.verdict}: {answer.asked!r}: {answer.error or repr(answer.said)}"
        for answer in bad[:WRONG]
    ]
    return "\n".join([f"{len(bad)} answers were not right." + (" Among them:\n" if bad else ""), *lines])


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), facts()))
