"""Replaces the attachments of a chat request's messages by what they decode to. The way into this package."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, create_task_group, to_thread

from engine.api import Attachment
from server.media.errors import MediaError, naming
from server.media.image import decode_image
from server.media.limits import MediaLimits
from server.media.sound import decode_pcm16, decode_sound
from server.media.sources import Fetch, Part, parse_part, read_part
from server.media.video import decode_video

Message = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class File:
    """An attachment's bytes. Two files with equal keys decode to the same."""

    part: Part
    data: bytes
    digest: str

    @property
    def key(self) -> tuple[str, bool]:
        return self.digest, self.part.soundtrack


def decoding_slots() -> CapacityLimiter:
    """As many attachments decode at a time as there are cores: one of these for a whole app."""
    return CapacityLimiter(os.cpu_count() or 1)


async def decode_messages(
    messages: list[Message], limits: MediaLimits, fetch: Fetch | None = None, *, slots: CapacityLimiter | None = None
) -> list[Message]:
    """Copies of `messages` in which each attachment part of a content list is an `engine.api` attachment; a video is
    followed by its sound. Everything else stays as and where it was. Equal attachments are decoded once and shared.

    `slots` bounds how many decode at a time, over all calls that are given the same; without it over this call.
    Cancelling it kills the decoders that are processes and waits for those that are threads.

    Raises:
        MediaError: naming the first part found that is malformed, damaged, unknown or beyond `limits`.
    """
    parts = list(_parts(messages))
    if len(parts) > limits.max_parts:
        why = f"the request has {len(parts)} attachments; at most {limits.max_parts} are allowed."
        raise MediaError(why, param=parts[limits.max_parts].where)
    files = await _together(partial(_read, limits=limits, fetch=fetch), parts)
    distinct = list({file.key: file for file in files}.values())
    decoded = await _together(partial(_decode, limits=limits, slots=slots or decoding_slots()), distinct)
    attachments = dict(zip((file.key for file in distinct), decoded, strict=True))
    return list(_replaced(messages, {file.part.where: attachments[file.key] for file in files}))


def _parts(messages: list[Message]) -> Iterator[Part]:
    for number, message in enumerate(messages):
        for where, entry in _entries(number, message):
            if part := parse_part(entry, message.get("role"), where):
                yield part


def _replaced(messages: list[Message], attachments: dict[str, list[Attachment]]) -> Iterator[Message]:
    for number, message in enumerate(messages):
        if not isinstance(message.get("content"), list):
            yield message.copy()
            continue
        content: list[Any] = []
        for where, entry in _entries(number, message):
            content.extend(attachments.get(where, [entry]))
        yield message | {"content": content}


def _entries(number: int, message: Message) -> Iterator[tuple[str, Any]]:
    content = message.get("content")
    for place, entry in enumerate(content if isinstance(content, list) else []):
        yield f"messages[{number}].content[{place}]", entry


async def _read(part: Part, limits: MediaLimits, fetch: Fetch | None) -> File:
    with naming(part.where):
        data = await read_part(part, limits.max_bytes, fetch)
    return File(part, data, await to_thread.run_sync(_digest, part, data))


def _digest(part: Part, data: bytes) -> str:
    digest = hashlib.sha256(f"{part.kind}{':pcm16' if part.headerless else ''}:".encode())
    digest.update(data)
    return digest.hexdigest()


async def _decode(file: File, limits: MediaLimits, slots: CapacityLimiter) -> list[Attachment]:
    part, data, digest = file.part, file.data, file.digest
    with naming(part.where):
        async with slots:
            match part.kind:
                case "image":
                    return [await to_thread.run_sync(decode_image, data, digest, limits.max_image_pixels)]
                case "sound" if part.headerless:
                    return [await to_thread.run_sync(decode_pcm16, data, digest)]
                case "sound":
                    return [await decode_sound(data, digest, limits.decode_seconds)]
                case "video":
                    return [*await decode_video(data, digest, limits, soundtrack=part.soundtrack)]


async def _together(work: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
    """`work` on all items at a time, results in their order. The first MediaError cancels the rest and is raised."""
    results: dict[int, R] = {}
    errors: list[MediaError] = []

    async def one(place: int, item: T) -> None:
        try:
            results[place] = await work(item)
        except MediaError as error:
            errors.append(error)
            group.cancel_scope.cancel()

    async with create_task_group() as group:
        for place, item in enumerate(items):
            group.start_soon(one, place, item, name=f"attachment {place}")
    if errors:
        raise errors[0]
    return [results[place] for place in range(len(items))]
