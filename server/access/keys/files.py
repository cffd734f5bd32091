"""Keys in a JSON file, read again whenever it changes.

{"limits": {"requests_per_minute": 600},
 "keys": {"anna": {"sha256": "...", "created": "2026-11-21T17:00:00Z", "limits": {"concurrent_requests": 2}}}}
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.access.keys.key import Key, KeyRecord, KeysError, Name, TakenKeyNameError, account_of, is_same
from server.access.limits.quota import Quota

logger = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limits: Quota = Quota()
    keys: dict[Name, KeyRecord] = Field(default_factory=dict)


class FileKeys:
    """A `KeyStore` of one file, changed by replacing it as a whole.

    A file that cannot be read any more leaves the keys as they were, and the log says so.
    """

    def __init__(self, path: Path) -> None:
        """Raises KeysError if there is a file that cannot be read. None at all holds no key."""
        self._path = path
        self._stamp: Stamp | None = None
        self._keys: dict[str, Key] = {}
        if path.exists():
            self._take(self._read())
            self._stamp = self._now()

    async def find(self, digest: str) -> Key | None:
        self._refresh()
        key = self._keys.get(account_of(digest))
        return key if key is not None and is_same(key.digest, digest) else None

    async def records(self) -> Mapping[str, KeyRecord]:
        return self._read().keys

    async def default_limits(self) -> Quota:
        return self._read().limits

    async def add(self, name: str, record: KeyRecord) -> None:
        with self._changing() as file:
            if name in file.keys:
                raise TakenKeyNameError(name)
            file.keys = {**file.keys, name: record}

    async def remove(self, name: str) -> bool:
        with self._changing() as file:
            known = name in file.keys
            file.keys = {kept: record for kept, record in file.keys.items() if kept != name}
            return known

    async def set_default_limits(self, limits: Quota) -> None:
        with self._changing() as file:
            file.limits = limits

    def _now(self) -> Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _refresh(self) -> None:
        if (now := self._now()) == self._stamp:
            return
        self._stamp = now
        try:
            self._take(self._read())
        except KeysError:
            logger.exception("The keys stay as they were")

    def _take(self, file: _File) -> None:
        keys = (
            Key(name, record.sha256, record.scope, record.limits.or_else(file.limits))
            for name, record in file.keys.items()
        )
        self._keys = {key.account: key for key in keys}

    def _read(self) -> _File:
        try:
            return _File.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            raise KeysError(f"{self._path}: no such file; `ola keys create NAME` makes it") from None
        except (OSError, ValidationError) as error:
            reason = error.strerror if isinstance(error, OSError) else _problem(error)
            raise KeysError(f"{self._path}: {reason}") from None

    @contextmanager
    def _changing(self) -> Iterator[_File]:
        """The file to change, written at the end, with others who would change it kept waiting."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            file = self._read() if self._path.exists() else _File()
            yield file
            self._write(file)
        finally:
            os.close(lock)

    def _write(self, file: _File) -> None:
        text = file.model_dump_json(indent=2, exclude_unset=True)
        # A temporary file is its owner's alone (0600); so is what takes its name.
        with NamedTemporaryFile("w", dir=self._path.parent, prefix=self._path.name, delete=False) as new:
            new.write(text + "\n")
            new.flush()
            os.fsync(new.fileno())
        os.replace(new.name, self._path)


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
