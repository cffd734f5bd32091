"""Replaces the attachments of a chat request's messages by what they decode to. The way into this package."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeVar

from anyio import create_task_group

from engine.api import Attachment, Fit, Image, Sound, Video
from server.media.decoders import Decoders
from server.media.errors import MediaError, naming, too_large
from server.media.figures import Figures, NoFigures
from server.media.file import Quota, StoredFile
from server.media.job import Job, Kind
from server.media.limits import MediaLimits
from server.media.memory import Memory
from server.media.senses import check_part, check_soundtrack
from server.media.shelf import Shelf, size_of
from server.media.sources import Fetch, Part, parse_part, read_part

ALL = frozenset({"image", "video", "audio"})

Message = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _File:
    """An attachment on disk. Two with equal keys decode to the same."""

    part: Part
    stored: StoredFile

    @property
    def key(self) -> tuple[str, bool]:
        return self.stored.digest, self.part.soundtrack


class Attachments:
    """The attachments of an app's requests: read, decoded in processes of their own, kept for a while. An asynchronous
    context manager: leaving it ends all of that."""

    def __init__(
        self,
        limits: MediaLimits,
        fetch: Fetch | None = None,
        fits: Mapping[str, Fit] | None = None,
        *,
        modalities: frozenset[str] = ALL,
        decoders: Decoders | None = None,
        figures: Figures | None = None,
    ) -> None:
        """`fits`, `modalities`: as in `engine.api.Engine`. `decoders` are not closed if they are given. `figures`
        hears of every attachment."""
        self.limits, self._fetch, self._fits, self._modalities = limits, fetch, fits or {}, modalities
        self._given, self._decoders, self._figures = (
            decoders is not None,
            decoders or Decoders(),
            figures or NoFigures(),
        )
        self._stack = AsyncExitStack()
        self._memory = Memory(limits.max_held_bytes, lambda: self._shelf.clear())
        self._shelf: Shelf

    @property
    def held_bytes(self) -> int:
        """Pixels and samples in memory, of requests under way and kept ones."""
        return self._memory.held

    async def __aenter__(self) -> Self:
        if not self._given:
            self._stack.push_async_callback(self._decoders.close)
        group = await self._stack.enter_async_context(create_task_group())
        self._shelf = Shelf(self.limits.kept_bytes, group, self._figures.found)
        return self

    def processes(self) -> list[int]:
        """Ids of the decoder processes."""
        return self._decoders.processes()

    def warm_up(self) -> None:
        """Start a decoder process now, so that the first attachment does not wait for that. Returns at once."""
        self._decoders.warm_up()

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def decode(self, messages: list[Message]) -> list[Message]:
        """Copies of `messages` in which each attachment part of a content list is an `engine.api` attachment; a video
        is followed by its sound. Everything else stays as and where it was. Equal attachments are decoded once and
        shared, also by requests at the same time. Cancelling it ends all decoding that nobody else waits for.

        Raises:
            MediaError: naming the first part found that is malformed, damaged, unknown or beyond the limits.
        """
        parts = list(_parts(messages))
        if len(parts) > self.limits.max_parts:
            why = f"the request has {len(parts)} attachments; at most {self.limits.max_parts} are allowed."
            raise MediaError(why, param=parts[self.limits.max_parts].where)
        for part in parts:
            with naming(part.where):
                check_part(part, self._modalities)
        quota, memory = Quota(self.limits.max_bytes), _Share(self.limits.max_decoded_bytes)
        with ExitStack() as files:
            stored = await _together(partial(self._read, files=files, quota=quota), parts)
            distinct = list({file.key: file for file in stored}.values())
            decoded = await _together(partial(self._decoded, share=memory), distinct)
        attachments = dict(zip((file.key for file in distinct), decoded, strict=True))
        return list(_replaced(messages, {file.part.where: attachments[file.key] for file in stored}))

    async def _read(self, part: Part, files: ExitStack, quota: Quota) -> _File:
        stored = StoredFile(f"{part.kind}{':pcm16' if part.headerless else ''}:", quota)
        files.callback(stored.close)
        with naming(part.where):
            await read_part(part, stored, self._fetch)
        self._figures.received(part.kind, stored.size)
        return _File(part, stored)

    async def _decoded(self, file: _File, share: _Share) -> list[Attachment]:
        with naming(file.part.where):
            attachments = await self._shelf.get(file.key, partial(self._decode, file))
            share.take(size_of(attachments))
            check_soundtrack(attachments, self._modalities)
        return attachments

    async def _decode(self, file: _File) -> list[Attachment]:
        granted, limits = 0, self.limits

        def grant(size: int) -> None:
            nonlocal granted
            if granted + size > limits.max_decoded_bytes:
                raise _too_much(limits.max_decoded_bytes)
            self._memory.take(size)
            granted += size

        # A copy of the descriptor: those who asked first may be gone before those who joined them.
        descriptor = os.dup(file.stored.fileno())
        try:
            with self._figures.decoding(file.part.kind):
                arrays = await self._decoders.decode(descriptor, self._job(file.part), limits.decode_seconds, grant)
        except BaseException:
            self._memory.give_back(granted)
            raise
        finally:
            os.close(descriptor)
        self._memory.watch(arrays)
        return _attachments(file.part, file.stored.digest, arrays)

    def _job(self, part: Part) -> Job:
        kind: Kind = "pcm16" if part.headerless else part.kind
        limits = self.limits
        return Job(
            kind,
            max_pixels=limits.max_image_pixels if kind == "image" else limits.max_frame_pixels,
            max_seconds=limits.max_video_seconds,
            cpu_seconds=limits.cpu_seconds,
            fit=self._fits.get(kind),
            soundtrack=part.soundtrack,
        )


class _Share:
    """What the attachments of one request may come to when they are decoded."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._taken = max_bytes, 0

    def take(self, size: int) -> None:
        self._taken += size
        if self._taken > self._max_bytes:
            raise _too_much(self._max_bytes)


def _too_much(max_bytes: int) -> MediaError:
    return too_large(f"the attachments of a request may have {max_bytes} bytes when they are decoded; these have more.")


def _attachments(part: Part, digest: str, arrays: list[Any]) -> list[Attachment]:
    match part.kind:
        case "image":
            return [Image(arrays[0], digest)]
        case "sound":
            return [Sound(arrays[0], digest)]
        case "video":
            sound = hashlib.sha256(f"soundtrack:{digest}".encode()).hexdigest()
            return [Video(arrays[0], digest), *(Sound(samples, sound) for samples in arrays[1:])]


def _parts(messages: list[Message]) -> Iterator[Part]:
    for number, message in enumerate(messages):
        for where, entry in _entries(number, message):
            if part := parse_part(entry, message.get("role"), where):
                yield part


def _replaced(messages: list[Message], attachments: dict[str, list[Attachment]]) -> Iterator[Message]:
    for number, message in enumerate(messages):
        if not isinstance(_content(message), list):
            yield message.copy()
            continue
        content: list[Any] = []
        for where, entry in _entries(number, message):
            content.extend(attachments.get(where, [entry]))
        yield message | {"content": content}


def _content(message: Message) -> object:
    """None for an item of reasoning, whose content is the model's own."""
    own = message.get("type") == "reasoning" and "role" not in message
    return None if own else message.get("content")


def _entries(number: int, message: Message) -> Iterator[tuple[str, Any]]:
    content = _content(message)
    for place, entry in enumerate(content if isinstance(content, list) else []):
        yield f"messages[{number}].content[{place}]", entry


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
