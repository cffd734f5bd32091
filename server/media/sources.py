"""What a content part names: its kind, and where its bytes are. Reads those bytes, but does not look into them."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from anyio import to_thread

from server.media.errors import MediaError
from server.media.file import StoredFile

Kind = Literal["image", "video", "sound"]

Feed = Callable[[bytes], Awaitable[None]]

Fetch = Callable[[str, Feed], Awaitable[None]]
"""Feeds what a URL names, piece by piece. Raises MediaError; decides itself which addresses are allowed."""

SOUND_FORMATS = ("wav", "mp3", "flac", "ogg", "opus", "m4a", "mp4", "aac", "webm", "pcm16")
"""Accepted for `input_audio.format`. Except for pcm16, which has no header, the bytes decide what they are."""

PART_TYPES = ("text", "image_url", "input_audio", "audio_url", "video_url")

_LONGEST_MEDIA_TYPE = 512
_PIECE = 1 << 20
"""Bytes or characters that are handled at a time."""


@dataclass(frozen=True, slots=True)
class Part:
    """An attachment as the request names it; either `url` or `base64` is set."""

    where: str
    """Such as `messages[0].content[2]`."""
    kind: Kind
    url: str = ""
    base64: str = ""
    headerless: bool = False
    """The sound is bare pcm16: 24 kHz, mono, little endian."""
    soundtrack: bool = False
    """The video is heard as well as seen."""


def parse_part(part: object, role: object, where: str) -> Part | None:
    """The attachment that an entry of a content list names, None if the entry is text or not for us.

    Raises:
        MediaError: the entry is malformed, or of an unknown type in a message that a user or developer wrote.
    """
    if isinstance(part, str):
        return None
    if not isinstance(part, dict):
        raise MediaError("a content part must be an object.", param=where)
    match part.get("type"):
        case "text":
            return None
        case "image_url":
            return Part(where, "image", url=_url(part, "image_url", where))
        case "audio_url":
            return Part(where, "sound", url=_url(part, "audio_url", where))
        case "video_url":
            return Part(where, "video", url=_url(part, "video_url", where), soundtrack=_wants_sound(part, where))
        case "input_audio":
            return _input_audio(part.get("input_audio"), where)
        case str() if role in ("assistant", "tool"):
            return None  # refusals and the like: what models and tools may say is not decided here
        case str() as name:
            known = ", ".join(PART_TYPES)
            raise MediaError(f"unknown content part type {name[:40]!r}; known are {known}.", param=where)
        case _:
            raise MediaError("a content part must have a 'type'.", param=where)


def _url(part: dict[str, Any], field: str, where: str) -> str:
    value = part.get(field)
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str) or not url:
        raise MediaError(f"'{field}' must be an object with a 'url' that is not empty.", param=where)
    return url


def _wants_sound(part: dict[str, Any], where: str) -> bool:
    inside = part["video_url"]
    wanted = part.get("audio", inside.get("audio", True) if isinstance(inside, dict) else True)
    if not isinstance(wanted, bool):
        raise MediaError("'audio' must be true or false.", param=where)
    return wanted


def _input_audio(value: object, where: str) -> Part:
    if not isinstance(value, dict) or not isinstance(data := value.get("data"), str) or not data:
        raise MediaError("'input_audio' must be an object with 'data', base64 that is not empty.", param=where)
    if (name := value.get("format")) not in SOUND_FORMATS:
        known = ", ".join(SOUND_FORMATS)
        raise MediaError(f"unknown 'input_audio.format' {str(name)[:40]!r}; known are {known}.", param=where)
    return Part(where, "sound", base64=data, headerless=name == "pcm16")


async def read_part(part: Part, into: StoredFile, fetch: Fetch | None) -> None:
    """Write the bytes of an attachment, at least one. Cancelling it cancels the fetch.

    Raises:
        MediaError: not a usable address, not base64, empty, too large, or whatever `fetch` found wrong.
    """
    match part.url[:5].lower():
        case "":
            await to_thread.run_sync(_from_base64, part.base64, 0, into)
        case "data:":
            await to_thread.run_sync(_from_base64, part.url, _payload_start(part.url), into)
        case "http:" | "https":
            await _fetched(part.url, into, fetch)
        case _:
            raise MediaError("only data URIs and https URLs can be attached.")
    if not into.size:
        raise MediaError("the attachment is empty.")


def _payload_start(uri: str) -> int:
    comma = uri.find(",", 0, _LONGEST_MEDIA_TYPE)
    if comma < 0 or not uri[:comma].lower().endswith(";base64"):
        raise MediaError("a data URI must have the form 'data:<type>;base64,<data>'.")
    return comma + 1


def _from_base64(text: str, start: int, into: StoredFile) -> None:
    """Piece by piece, so that the bytes are never held beside the text."""
    rest, ended = "", False
    try:
        for place in range(start, len(text), _PIECE):
            packed = rest + "".join(text[place : place + _PIECE].split())  # line breaks are no damage
            if packed and ended:
                raise ValueError("something behind the padding")
            whole, rest = packed[: len(packed) & ~3], packed[len(packed) & ~3 :]
            into.feed(base64.b64decode(whole, validate=True))
            ended = whole.endswith("=")
        if rest:
            raise ValueError("a part of a group")
    except ValueError:
        raise MediaError("the data is not valid base64.") from None


async def _fetched(url: str, into: StoredFile, fetch: Fetch | None) -> None:
    if fetch is None:
        raise MediaError("this server does not fetch URLs; attach the file as a data URI ('data:<type>;base64,...').")
    pieces = bytearray()

    async def feed(piece: bytes) -> None:
        pieces.extend(piece)
        if len(pieces) >= _PIECE:
            await write()

    async def write() -> None:
        data = bytes(pieces)
        pieces.clear()
        await to_thread.run_sync(into.feed, data)

    await fetch(url, feed)
    await write()
