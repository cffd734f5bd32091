"""What was asked of a run, kept beside its answers so that a report can be made of the folder alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtests.talking import Sent
from loadtests.users.phases import Phase

FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Record:
    began: float
    """In seconds of `time.time`."""
    phases: list[Phase]
    sent: Sent
    """How well realtime's users kept their time."""
    targets: dict[str, float]
    """The limit of each."""

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")


def read(folder: Path) -> Record:
    """Of a run in `folder`. Raises OSError where there is none."""
    found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    phases = [Phase(**phase) for phase in found["phases"]]
    return Record(found["began"], phases, Sent(**found["sent"]), found["targets"])
