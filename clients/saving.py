"""Spoken answers on their way into files, in the format that a file's name asks for."""

from __future__ import annotations

import wave
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from clients.ending import ClientError
from clients.loudspeaker import RATE

FORMATS = {
    ".wav": "pcm16",
    ".pcm": "pcm16",
    ".mp3": "mp3",
    ".flac": "flac",
    ".opus": "opus",
    ".ogg": "opus",
    ".aac": "aac",
}
"""What is asked of the server for a file of this name. A streamed WAV cannot know its length: it is written here."""


def format_of(path: Path) -> str:
    """The server's name of the format.

    Raises:
        ClientError: the file's name tells none, or there is no such folder.
    """
    if (sound_format := FORMATS.get(path.suffix.lower())) is None:
        raise ClientError(f"cannot save sound as {path.name}: its name must end with {', '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise ClientError(f"there is no folder {path.parent}")
    return sound_format


def numbered(path: Path, number: int) -> Path:
    """Where the answer of this number goes: the first one to `path` itself."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


class SoundFile:
    """Written piece by piece. The file is begun with the first piece."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wave: wave.Wave_write | None = None
        self._file: BinaryIO | None = None
        self._open = ExitStack()

    @property
    def written(self) -> bool:
        return self._wave is not None or self._file is not None

    def write(self, sound: bytes) -> None:
        """ClientError if the file cannot be written."""
        try:
            self._write(sound)
        except OSError as error:
            raise ClientError(f"cannot write {self.path}: {error.strerror}") from None

    def close(self) -> None:
        """What was written is a whole file. Without any sound there is none."""
        self._open.close()

    def _write(self, sound: bytes) -> None:
        if self.path.suffix.lower() == ".wav":
            if self._wave is None:
                self._wave = wave.open(str(self.path), "wb")  # noqa: SIM115
                self._open.callback(self._wave.close)
                self._wave.setparams((1, 2, RATE, 0, "NONE", ""))
            self._wave.writeframes(sound)
        else:
            if self._file is None:
                self._file = self._open.enter_context(self.path.open("wb"))
            self._file.write(sound)
