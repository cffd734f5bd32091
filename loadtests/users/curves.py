"""The picture of a run: how soon sound came, how that changed with the number of users, what the server held."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from loadtests.figures import percentile
from loadtests.users.answers import KINDS, Answer
from loadtests.users.record import Record
from loadtests.users.targets import c100
from loadtests.users.watching import Held, read


def draw(folder: Path, given: Sequence[Answer], of_run: Record, file: Path) -> None:
    """Write a PNG to `file`. Needs matplotlib, which runs without a display."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    (first, users), (gaps, memory) = figure.subplots(2, 2)
    first_sounds(first, given)
    against_users(users, given, of_run)
    continuity(gaps, given)
    holds(memory, read(folder))
    figure.savefig(file, dpi=100)


def first_sounds(axes: Any, given: Sequence[Answer]) -> None:
    for kind in KINDS:
        if waits := sorted(one.first_sound for one in given if one.kind == kind and one.first_sound is not None):
            axes.step(waits, [(number + 1) / len(waits) for number in range(len(waits))], where="post", label=kind)
    axes.set(title="Time to first sound", xlabel="s", ylabel="share of answers", xscale="log", ylim=(0, 1))
    _legend(axes)


def against_users(axes: Any, given: Sequence[Answer], of_run: Record) -> None:
    ends = list(accumulate((phase.seconds for phase in of_run.phases), initial=of_run.began))
    phases = [
        (phase.users, phase.seconds, own)
        for phase, begin, end in zip(of_run.phases, ends, ends[1:], strict=False)
        if (own := [answer for answer in given if begin <= answer.at < end])
    ]
    numbers = [users for users, *_ in phases]
    axes.plot(numbers, [len(own) / seconds for _, seconds, own in phases], "o-", label="answers a second")
    for percent in (50, 95):
        waits = [[one.first_sound for one in own if one.first_sound is not None] for *_, own in phases]
        heard = [(users, percentile(each, percent)) for users, each in zip(numbers, waits, strict=True) if each]
        axes.plot([users for users, _ in heard], [wait for _, wait in heard], "s--", label=f"first sound p{percent}, s")
    axes.set(title="Throughput and waits against users", xlabel="users", ylim=(0, None))
    _legend(axes)


def continuity(axes: Any, given: Sequence[Answer]) -> None:
    shares = {kind: c100([one for one in given if one.kind == kind]) for kind in KINDS}
    heard = {kind: 100 * share for kind, share in shares.items() if share is not None}
    axes.bar(list(heard), list(heard.values()))
    axes.set(title="C100: no gap over 100 ms", ylabel="% of heard answers", ylim=(0, 100))


def holds(axes: Any, seen: Sequence[Held]) -> None:
    for name in dict.fromkeys(one.name for one in seen):
        own = [one for one in seen if one.name == name]
        axes.plot([(one.at - seen[0].at) / 60 for one in own], [one.mib for one in own], label=name)
    axes.set(title="Memory", xlabel="minutes", ylabel="MiB", ylim=(0, None))
    _legend(axes)


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
