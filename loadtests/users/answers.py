"""One answer as its user had it, and the file of all of them. Knows no statistics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from loadtests.stories import Listener
from loadtests.users.watchwords import Verdict

FILE = "answers.jsonl"
KINDS = ("text", "image", "sound", "video", "realtime")


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds are from the end of the question. None: it did not come, or was not asked for."""

    kind: str
    """One of KINDS."""
    spoken: bool
    at: float
    """When the question ended, in seconds of `time.time`."""
    users: int
    """How many there were then."""
    verdict: Verdict
    whole: float
    """Until the end of the answer; of realtime's, until its last sound came."""
    first_words: float | None = None
    first_sound: float | None = None
    sound: float = 0.0
    """Seconds of it."""
    stops: Sequence[float] = ()
    """Silences for want of sound, seconds each."""
    hushed: float | None = None
    """Seconds from the first sound of an interruption until the answer before it was silent."""
    asked: str = ""
    said: str = ""
    error: str = ""

    @property
    def heard(self) -> bool:
        """Whether there is a sound whose gaps can be judged."""
        return self.first_sound is not None

    @property
    def longest_stop(self) -> float:
        return max(self.stops, default=0.0)


def stops_of(listener: Listener) -> tuple[float, ...]:
    return tuple(round(stop, 4) for stop in listener.stops)


class AnswerFile:
    """Answers as JSON lines, each written when it is there: what ends a run early leaves those before it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / FILE).open("w", encoding="utf-8")
        self.count = 0

    def add(self, answer: Answer) -> None:
        self._file.write(json.dumps(asdict(answer)) + "\n")
        self._file.flush()
        self.count += 1

    def close(self) -> None:
        self._file.close()


def read(folder: Path) -> list[Answer]:
    """Of a run in `folder`. Raises OSError where there is none."""
    lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    return [_answer(json.loads(line)) for line in lines]


def _answer(found: dict[str, Any]) -> Answer:
    known = {field.name for field in fields(Answer)}
    assert found.keys() <= known, found.keys() - known
    return Answer(**found | {"verdict": Verdict(found["verdict"]), "stops": tuple(found["stops"])})


def of_kind(answers: Iterable[Answer], kind: str, *, spoken: bool) -> list[Answer]:
    return [answer for answer in answers if answer.kind == kind and answer.spoken == spoken]
