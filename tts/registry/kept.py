"""How a recorded voice is written down: a line of JSON about it, and its recording. Knows no place to keep it in."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any, cast

from tts.recorded import Recorded

_REMEMBERED = 32
"""Recordings that stay in memory, so that an unchanged one is not read for every answer."""


class RegistryError(Exception):
    """The recorded voices cannot be read or changed now."""


@dataclass(frozen=True, slots=True)
class _Known:
    mark: object
    recorded: Recorded


class Memory:
    """The voices that were read last, each with a mark that changes when the voice does. Threads may share it."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def recall(self, name: str, mark: object) -> Recorded | None:
        """The voice of this name as it was read with this mark. One with another mark is forgotten."""
        with self._lock:
            known = self._known.pop(name, None)
            if known is None or known.mark != mark:
                return None
            self._known[name] = known  # as the newest
            return known.recorded

    def keep(self, recorded: Recorded, mark: object) -> None:
        """Remember what was read."""
        with self._lock:
            self._known[recorded.name] = _Known(mark, recorded)
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]


def head_of(recorded: Recorded) -> bytes:
    """All but the recording, in one line."""
    fields = {
        "name": recorded.name,
        "transcript": recorded.transcript,
        "consent": recorded.consent,
        "lang": recorded.lang,
        "created": recorded.created,
        "bytes": len(recorded.recording),
    }
    return json.dumps(fields).encode()


def fields_of(head: bytes) -> dict[str, Any]:
    """What a line says.

    Raises:
        ValueError: it is none.
    """
    fields = json.loads(head)
    if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
        raise ValueError("not about a recorded voice")
    return cast(dict[str, Any], fields)


def voice_of(head: bytes, recording: bytes) -> Recorded:
    """The voice behind a line and a recording.

    Raises:
        ValueError: they are damaged.
    """
    fields = fields_of(head)
    if fields.get("bytes") != len(recording):
        raise ValueError("the recording is not whole")
    try:
        return Recorded(
            fields["name"], recording, fields["transcript"], fields["consent"], fields["lang"], fields["created"]
        )
    except KeyError as error:
        raise ValueError(f"{error} is missing") from error
