"""Loss curves as pictures."""

from __future__ import annotations

from pathlib import Path

from training.loop import curve


def draw(work: Path) -> None:
    """`<work>/curves.png`: every job's losses over its steps."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    jobs = sorted(work.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    columns = 3
    rows = -(-len(jobs) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(5 * columns, 3 * rows), squeeze=False)
    for axis, path in zip(axes.flat, jobs, strict=False):
        points = list(curve(path))
        for name in sorted({key for point in points for key in point} - {"step"}):
            known = [point for point in points if name in point]
            axis.plot([point["step"] for point in known], [point[name] for point in known], label=name, linewidth=1)
        axis.set_title(path.stem)
        axis.set_yscale("log")
        axis.legend(fontsize=6)
    for axis in axes.flat[len(jobs) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(work / "curves.png", dpi=110)
    pyplot.close(figure)
