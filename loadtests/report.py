"""Measurements as tables, for a terminal or for LOG.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from loadtests.figures import Comparison, Figure, Phase, Speedup

Row = Sequence[str]

AGAINST_STOCK = (
    ("asked", "streams"),
    ("requests/s: ours", "stock", "ratio"),
    ("tokens/s: ours", "stock"),
    ("first words p50, ms: ours", "stock", "ratio"),
    ("p95, ms: ours", "stock", "ratio"),
    ("CPU of HTTP process, ms/request: ours", "stock"),
    ("of load, %",),
    ("target",),
)
AGAINST_PLAIN = ("asked", "users", "requests/s: ours", "plain", "ratio", "same answer")


def against_stock(comparisons: Iterable[Comparison], *, markdown: bool) -> str:
    """Medians of the rounds; of ratios, which each round has its own of, the extremes too."""
    return table([name for group in AGAINST_STOCK for name in group], map(comparison_row, comparisons), markdown)


def comparison_row(compared: Comparison) -> Row:
    def both(figure: Figure, format: Callable[[float], str]) -> list[str]:
        return [format(median(map(figure, phases))) for phases in (compared.ours, compared.stock)]

    def ratio(figure: Figure) -> str:
        return spread(compared.ratios(figure))

    load = max(phase.load_cpu / phase.seconds for phase in (*compared.ours, *compared.stock))
    return [
        compared.kind,
        str(compared.streams),
        *both(Phase.requests_per_second, "{:.1f}".format),
        ratio(Phase.requests_per_second),
        *both(Phase.tokens_per_second, "{:.0f}".format),
        *both(Phase.p50, milliseconds),
        ratio(Phase.p50),
        *both(Phase.p95, milliseconds),
        ratio(Phase.p95),
        *both(Phase.cpu_per_request, milliseconds),
        f"{100 * load:.0f}",
        compared.verdict(),
    ]


def against_plain(speedups: Iterable[Speedup], *, markdown: bool) -> str:
    return table(AGAINST_PLAIN, map(speedup_row, speedups), markdown)


def speedup_row(speedup: Speedup) -> Row:
    rates = [f"{median(rates):.1f}" for rates in (speedup.ours, speedup.plain)]
    return [speedup.kind, str(speedup.users), *rates, spread(speedup.ratios), "yes" if speedup.same else "no"]


def spread(ratios: Sequence[float]) -> str:
    """The median, and between what the rounds lie: how much the machine leaves to believe."""
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def table(header: Row, rows: Iterable[Row], markdown: bool) -> str:
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if markdown:
        lines.insert(1, ["-" * width for width in widths])
    edge, between = ("| ", " | ") if markdown else ("", "  ")
    padded = (between.join(map(str.ljust, line, widths)) for line in lines)
    return "\n".join(f"{edge}{line}{edge[::-1]}".rstrip() for line in padded)
