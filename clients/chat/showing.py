"""Where an answer goes while it comes: words to standard output, sound to a file and a loudspeaker; or, for scripts,
one JSON object at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clients import saving
from clients.chat.conversation import Answer, Manner
from clients.loudspeaker import Loudspeaker
from clients.progress import Sign
from clients.saving import SoundFile


class Shown:
    """One answer's listener. To be closed when it has ended, however it did."""

    def __init__(self, save: Path | None, loudspeaker: Loudspeaker | None, *, as_json: bool) -> None:
        self._file = None if save is None else SoundFile(save)
        self._loudspeaker, self._as_json = loudspeaker, as_json
        self._sign = Sign("thinking")

    def read(self, text: str) -> None:
        self._sign.stop()
        if not self._as_json:
            print(text, end="", flush=True)

    def hear(self, sound: bytes) -> None:
        if self._file is not None:
            self._file.write(sound)
        if self._loudspeaker is not None:
            self._loudspeaker.play(sound)

    def finish(self, answer: Answer, manner: Manner) -> None:
        """All has come."""
        if self._as_json:
            print(json.dumps(self._object(answer, manner), ensure_ascii=False), flush=True)
            return
        print(flush=True)
        if answer.finish_reason == "length":
            note("(cut off: the answer is as long as it may be)")
        if self._file is not None and self._file.written:
            note(f"saved {self._file.path}")

    def close(self) -> None:
        self._sign.stop()
        if self._file is not None:
            self._file.close()

    def _object(self, answer: Answer, manner: Manner) -> dict[str, Any]:
        file = str(self._file.path) if self._file is not None and self._file.written else None
        times = {"first_text": answer.first_text, "first_sound": answer.first_sound, "all": answer.seconds}
        return {
            "text": answer.text,
            "model": manner.model,
            "finish_reason": answer.finish_reason,
            "file": file,
            "voice": (manner.voice or "default") if manner.sound_format else None,
            "seconds": {name: None if time is None else round(time, 3) for name, time in times.items()},
            "usage": answer.usage,
        }


def place(save: Path | None, number: int) -> Path | None:
    """The file of an answer."""
    return None if save is None else saving.numbered(save, number)


def note(line: str) -> None:
    """Something beside the answers: on standard error, so that they can be piped."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print(line, style="dim", markup=False, highlight=False)
