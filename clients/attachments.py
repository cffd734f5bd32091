"""Files on the way into a message: a path becomes a part of its content. The server looks into them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import Any, Literal

from clients.ending import ClientError

Kind = Literal["image", "video", "sound"]
KINDS: tuple[Kind, ...] = ("image", "video", "sound")
Part = dict[str, Any]
"""An entry of a message's `content`."""

_ELSE = {"image": "image/jpeg", "video": "video/mp4"}
"""The media type of a file whose name tells none. It is a hint only: the server goes by the bytes."""
_FORMATS = {".mp3": "mp3", ".flac": "flac", ".ogg": "ogg", ".opus": "opus", ".m4a": "m4a", ".aac": "aac"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file and what it is to be taken for."""

    kind: Kind
    path: Path

    def part(self) -> Part:
        """The part of a message's content that holds it. ClientError if it cannot be read."""
        data = b64encode(contents(self.path)).decode()
        if self.kind == "sound":
            sound = {"data": data, "format": _FORMATS.get(self.path.suffix.lower(), "wav")}
            return {"type": "input_audio", "input_audio": sound}
        media_type = guess_type(self.path.name)[0] or _ELSE[self.kind]
        return {"type": f"{self.kind}_url", f"{self.kind}_url": {"url": f"data:{media_type};base64,{data}"}}


@contextmanager
def refusals_by_name(attached: Sequence[Attachment]) -> Iterator[None]:
    """An error about one of the parts that a message begins with becomes one about its file."""
    from openai import APIStatusError

    try:
        yield
    except APIStatusError as error:
        place = re.search(r"content\[(\d+)\]", error.param or "")
        if place is None or int(place[1]) >= len(attached):
            raise
        said = error.body["message"] if isinstance(error.body, dict) else str(error)
        raise ClientError(f"{attached[int(place[1])].path}: {said.removeprefix(f'{error.param}: ')}") from None


def contents(path: Path) -> bytes:
    """The bytes of a file that somebody named.

    Raises:
        ClientError: there is none, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ClientError(f"there is no file {path}") from None
    except OSError as error:
        raise ClientError(f"cannot read {path}: {error.strerror}") from None
