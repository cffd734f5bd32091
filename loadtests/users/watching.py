"""What a loaded server holds: memory, files and threads of its processes from /proc, tasks from its figures.

Processes are told apart by what they call themselves, since some of them come and go.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from time import time
from urllib.request import urlopen

FILE = "holds.jsonl"
EVERY = 5.0
"""Seconds between two looks."""
_TASKS = re.compile(rb"^ola_event_loop_tasks (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Held:
    """By the processes of one name, at one moment."""

    at: float
    """In seconds of `time.time`."""
    name: str
    processes: int
    mib: float
    """Memory that is theirs alone: not files, nor what they share."""
    files: int
    threads: int
    tasks: int | None = None
    """Of the server's event loop; None: of no server."""


def held(process: int, tasks: Callable[[], int | None]) -> list[Held]:
    """By `process` and all that descend from it. What ends meanwhile is left out."""
    at, found = time(), defaultdict[str, list[tuple[float, int, int]]](list)
    for one in family(process):
        with suppress(OSError, KeyError):  # it has just ended
            folder = Path(f"/proc/{one}")
            status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
            mib = int(status["RssAnon"].split()[0]) / 1024
            name = "server" if one == process else status["Name"].strip()
            found[name].append((mib, len(list((folder / "fd").iterdir())), int(status["Threads"])))
    return [_together(at, name, each, tasks() if name == "server" else None) for name, each in found.items()]


def _together(at: float, name: str, each: Sequence[tuple[float, int, int]], tasks: int | None) -> Held:
    mib, files, threads = zip(*each, strict=True)
    return Held(at, name, len(each), round(sum(mib), 2), sum(files), sum(threads), tasks)


def family(process: int) -> Iterator[int]:
    """It and its descendants."""
    yield process
    with suppress(OSError):  # it has just ended
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from family(int(child))


def loop_tasks(host: str) -> int | None:
    """Of the server at `host`, `http://name:port`; None: it does not tell."""
    with suppress(OSError), urlopen(f"{host}/metrics", timeout=10) as figures:
        found = _TASKS.search(figures.read())
        return int(float(found[1])) if found else None
    return None


@contextmanager
def watching(process: int, host: str, folder: Path, every: float = EVERY) -> Iterator[None]:
    """Look at `process` every so many seconds until the block is left, and write to FILE in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    over = Event()

    def watch() -> None:
        with (folder / FILE).open("w", encoding="utf-8") as file:
            while True:
                for one in held(process, lambda: loop_tasks(host)):
                    file.write(json.dumps(asdict(one)) + "\n")
                file.flush()
                if over.wait(every):
                    return

    watcher = Thread(target=watch, name="watcher")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def read(folder: Path) -> list[Held]:
    """Of a run in `folder`; nothing where none was watched."""
    file = folder / FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Held(**json.loads(line)) for line in lines]
