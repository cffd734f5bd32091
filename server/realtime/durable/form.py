"""Items as bytes and back: a header in JSON, then samples and pixels as they are. No pickle; nothing is run by reading.

Pictures that came as data URIs are kept as these and decoded again when they are next asked about; what was fetched
from an address is kept in pixels, as it may be another picture by then.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict
from typing import Any

import numpy as np

from engine.api import Image, Video
from server.realtime.durable.memory import packed
from server.realtime.items import (
    FunctionCall,
    FunctionCallOutput,
    Heard,
    Item,
    Message,
    Part,
    Seen,
    Spoken,
    Watched,
    Words,
)
from tts.timeline import Timeline

_FORM = 1
"""To be raised when items change, so that a server of another version reads none of them wrongly."""
_LENGTH = struct.Struct(">I")

Json = dict[str, Any]


class UnreadableItemError(Exception):
    """The bytes are damaged, or of another version of this server."""


def pack(item: Item) -> bytes:
    """The item in bytes; copies its media."""
    header, media = _message(item) if isinstance(item, Message) else (asdict(item), [])
    head = packed({"form": _FORM, "kind": type(item).__name__, **header})
    return b"".join((_LENGTH.pack(len(head)), head, *media))


def unpack(data: bytes) -> Item:
    """The item again. Its digests are the same, so that the engine's caches know it.

    Raises:
        UnreadableItemError.
    """
    try:
        end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
        header = json.loads(data[_LENGTH.size : end])
        if header.pop("form") != _FORM:
            raise UnreadableItemError("of another version")
        return _item(header.pop("kind"), header, _Media(data, end))
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise UnreadableItemError(f"{type(error).__name__}: {error}") from error


def _message(message: Message) -> tuple[Json, list[bytes]]:
    parts = [_part(part) for part in message.content]
    header = {"id": message.id, "role": message.role, "status": message.status}
    return header | {"content": [part for part, _ in parts]}, [media for _, media in parts]


def _part(part: Part) -> tuple[Json, bytes]:
    """What the header says of it, and its media."""
    match part:
        case Words(text):
            return {"kind": "Words", "text": text}, b""
        case Heard():
            media = part.samples.astype("<i2", copy=False).tobytes()
            told = {"samples": len(part.samples), "transcript": part.transcript, "digest": part.digest}
            return {"kind": "Heard"} | told, media
        case Seen(url, image, detail):
            told = {"kind": "Seen", "url": url, "detail": detail}
            if image is None or url.startswith("data:"):
                return told, b""
            pixels = {"shape": image.pixels.shape, "digest": image.digest}
            return told | {"image": pixels}, image.pixels.tobytes()
        case Watched(video, count):
            return _watched(video, count)
        case Spoken():
            spans = [(span.text, span.start, span.end) for span in part.timeline.spans]
            told = {"transcript": part.transcript, "samples": part.samples, "whole": part.whole}
            return {"kind": "Spoken", "spans": spans} | told, b""


def _watched(video: Video, count: int) -> tuple[Json, bytes]:
    """Of few frames shown many are sampled, one like the other: each is kept once."""
    kept: list[bytes] = []
    places: dict[bytes, int] = {}
    order = []
    for frame in video.frames:
        data = frame.tobytes()
        if data not in places:
            places[data] = len(kept)
            kept.append(data)
        order.append(places[data])
    told = {"count": count, "digest": video.digest, "shape": video.frames.shape[1:], "order": order}
    return {"kind": "Watched", "frames": len(kept)} | told, b"".join(kept)


def _item(kind: str, header: Json, media: _Media) -> Item:
    match kind:
        case "Message":
            content = tuple(_read(part.pop("kind"), part, media) for part in header.pop("content"))
            return Message(content=content, **header)
        case "FunctionCall":
            return FunctionCall(**header)
        case "FunctionCallOutput":
            return FunctionCallOutput(**header)
    raise UnreadableItemError(f"of the kind {kind}")


def _read(kind: str, part: Json, media: _Media) -> Part:
    match kind:
        case "Words":
            return Words(part["text"])
        case "Heard":
            samples = media.array((part["samples"],), "<i2").astype(np.int16)
            return Heard(samples, part["transcript"], part["digest"])
        case "Seen":
            pixels = part.get("image")
            image = Image(media.array(tuple(pixels["shape"]), "u1"), pixels["digest"]) if pixels else None
            return Seen(part["url"], image, part.get("detail", "auto"))
        case "Watched":
            frames = media.array((part["frames"], *part["shape"]), "u1")[part["order"]]
            return Watched(Video(frames, part["digest"]), part["count"])
        case "Spoken":
            return Spoken(timeline=_timeline(part.pop("spans")), **part)
    raise UnreadableItemError(f"with a part of the kind {kind}")


def _timeline(spans: list[tuple[str, int, int]]) -> Timeline:
    timeline = Timeline()
    for text, start, end in spans:
        timeline.begin(text, start, end - start)
    return timeline


class _Media:
    """What follows the header, read from its beginning to its end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def array(self, shape: tuple[int, ...], kind: str) -> Any:
        """The next so many values, in memory of their own."""
        count = int(np.prod(shape))
        values = np.frombuffer(self._data, kind, count, self._at)
        self._at += values.nbytes
        return values.reshape(shape).copy()
