"""Recorded voices in a folder. Names are keys and never become part of a path."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from anyio import to_thread

from tts.recorded import Recorded
from tts.registry.kept import Memory, RegistryError, fields_of, head_of, voice_of

_SUFFIX = ".voice"
_UNFINISHED = "unfinished"
"""The one name under which a file is written: a crash leaves one at most, which the next change removes."""

_log = logging.getLogger(__name__)


class FileRegistry:
    """A `tts.recorded.Registry` with one file for each voice: a line about it, then its recording.

    Any number of processes may share the folder. A voice is in it whole or not at all, whatever crashes. Only the owner
    of the files can read them, and a damaged one counts as none. A cancelled call ends when the change that it has
    begun is done. Every method raises RegistryError if the folder cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first voice is added."""
        self._folder, self._memory = folder, Memory()

    async def names(self) -> list[str]:
        return await to_thread.run_sync(self._names)

    async def get(self, name: str) -> Recorded | None:
        return await to_thread.run_sync(self._get, name)

    async def add(self, recorded: Recorded) -> bool:
        return await to_thread.run_sync(self._add, recorded)

    async def delete(self, name: str) -> bool:
        return await to_thread.run_sync(self._delete, name)

    def _names(self) -> list[str]:
        with _registry_errors():
            names = (_name_in(path) for path in self._folder.glob(f"*{_SUFFIX}"))
            return sorted(name for name in names if name is not None)

    def _get(self, name: str) -> Recorded | None:
        path = self._path(name)
        with _registry_errors():
            try:
                file = path.open("rb")
            except FileNotFoundError:
                self._memory.recall(name, None)
                return None
            with file:
                status = os.fstat(file.fileno())
                mark = (status.st_ino, status.st_mtime_ns, status.st_size)
                if known := self._memory.recall(name, mark):
                    return known
                head, recording = file.readline(), file.read()
        try:
            recorded = voice_of(head, recording)
        except ValueError as error:
            _log.error("The voice in %s is damaged: %s", path, error)
            return None
        self._memory.keep(recorded, mark)
        return recorded

    def _add(self, recorded: Recorded) -> bool:
        path, unfinished = self._path(recorded.name), self._folder / _UNFINISHED
        with _registry_errors():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._changing():
                if path.exists():
                    return False
                with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(head_of(recorded) + b"\n" + recorded.recording)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.rename(path)
                return True

    def _delete(self, name: str) -> bool:
        with _registry_errors():
            if not self._folder.is_dir():
                return False
            with self._changing():
                try:
                    self._path(name).unlink()
                except FileNotFoundError:
                    return False
                return True

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time over all processes, on the disk at the end."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                (self._folder / _UNFINISHED).unlink()
            yield
            os.fsync(folder)
        finally:
            os.close(folder)

    def _path(self, name: str) -> Path:
        return self._folder / (sha256(name.encode(errors="surrogatepass")).hexdigest() + _SUFFIX)


def _name_in(path: Path) -> str | None:
    """None if the file was deleted meanwhile, or is damaged: the other voices are still there."""
    try:
        with path.open("rb") as file:
            return str(fields_of(file.readline())["name"])
    except FileNotFoundError:
        return None
    except ValueError:
        _log.error("The voice in %s is damaged.", path)
        return None


@contextmanager
def _registry_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RegistryError(f"The recorded voices cannot be read or changed: {error}") from error
