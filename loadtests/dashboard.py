"""The dashboard's own queries, answered by a Prometheus and drawn: a picture of a load where no Grafana runs.

python -m loadtests.dashboard --prometheus http://127.0.0.1:9090 --minutes 10 --out dashboard.png
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

DASHBOARD = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards" / "ola.json"

_POINTS = 200
_COLUMNS = 3
_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: queries with `$__rate_interval` in them, each with the pattern of its legend."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: Unix times in seconds, and what was measured then."""

    name: str
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """What is looked at. Unix times and durations in seconds."""

    begin: float
    end: float
    rate: float
    """Over which rates are taken: four scrapes at least."""


def panels(dashboard: Path = DASHBOARD) -> list[Panel]:
    """Those of a dashboard, without its rows."""
    return [
        Panel(
            panel["title"],
            panel["fieldConfig"]["defaults"]["unit"],
            tuple((target["expr"], target["legendFormat"]) for target in panel["targets"]),
        )
        for panel in json.loads(dashboard.read_text())["panels"]
        if panel["type"] != "row"
    ]


def measured(prometheus: str, panel: Panel, window: Window) -> list[Line]:
    """What Prometheus answers; series that say nothing are left out.

    Raises:
        OSError: it does not answer, or refuses a query.
    """
    lines = []
    for query, legend in panel.queries:
        asked = {
            "query": query.replace("$__rate_interval", f"{round(window.rate)}s"),
            "start": window.begin,
            "end": window.end,
            "step": max(1.0, (window.end - window.begin) / _POINTS),
        }
        with urlopen(f"{prometheus}/api/v1/query_range?{urlencode(asked)}", timeout=_TIMEOUT) as response:
            for series in json.load(response)["data"]["result"]:
                points = [(float(when), float(value)) for when, value in series["values"] if value != "NaN"]
                if points:
                    times, values = zip(*points, strict=True)
                    lines.append(Line(_legend(legend, series["metric"]), times, values))
    return lines


def _legend(pattern: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        pattern = pattern.replace(f"{{{{{name}}}}}", value)
    return pattern


def drawn(boards: Sequence[tuple[Panel, Sequence[Line]]], out: Path) -> None:
    """Write a picture; panels without a line say so."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(boards) // _COLUMNS)
    figure = Figure(figsize=(6 * _COLUMNS, 2.8 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    begin = min((line.times[0] for _, lines in boards for line in lines), default=0.0)
    for place, (panel, lines) in enumerate(boards):
        _draw(figure.add_subplot(rows, _COLUMNS, place + 1), panel, lines, begin)
    figure.savefig(out, dpi=80)


def _draw(axes: Any, panel: Panel, lines: Sequence[Line], begin: float) -> None:
    axes.set_title(panel.title, fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.25)
    for line in lines:
        axes.plot([when - begin for when in line.times], line.values, label=line.name, linewidth=1.1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("s", fontsize=7)
    axes.set_ylabel("" if panel.unit == "none" else panel.unit, fontsize=7)
    if lines:
        axes.legend(fontsize=6, loc="best")
    else:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color="grey")


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the last minutes."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.dashboard", description=main.__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--minutes", type=float, default=10.0, help="before now (default: 10)")
    parser.add_argument("--rate-seconds", type=float, default=20.0, help="over which rates are taken (default: 20)")
    parser.add_argument("--out", type=Path, required=True, help="a .png")
    options = parser.parse_args(arguments)
    now = time.time()
    window = Window(now - 60 * options.minutes, now, options.rate_seconds)
    boards = [(panel, measured(options.prometheus.rstrip("/"), panel, window)) for panel in panels()]
    drawn(boards, options.out)


if __name__ == "__main__":
    main()
