"""Decoded attachments that are kept, shared while they are made, and bounded."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest

from engine.api import Attachment, Image
from server.media.errors import MediaError
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from server.media.shelf import Shelf
from server.metrics import Metrics
from server.observing.media import MediaFigures
from tests.media.samples import DECODERS, INPUTS, audio_part, image_part

pytestmark = pytest.mark.anyio

PICTURE, OTHER = (INPUTS / "rgba_123x77.png").read_bytes(), (INPUTS / "gray_200x150.png").read_bytes()
BYTES, OTHER_BYTES = 123 * 77 * 3, 200 * 150 * 3


class Decoding:
    """Something that is decoded when a test says so."""

    def __init__(self, size: int = 12) -> None:
        self.image = Image(np.zeros(size, np.uint8), "digest")
        self.begun, self.gate, self.ended = 0, anyio.Event(), 0

    async def __call__(self) -> list[Attachment]:
        self.begun += 1
        try:
            await self.gate.wait()
        finally:
            self.ended += 1
        return [self.image]


@asynccontextmanager
async def shelf(max_bytes: int = 100) -> AsyncGenerator[tuple[Shelf, list[str]], None]:
    found: list[str] = []
    async with anyio.create_task_group() as group:
        yield Shelf(max_bytes, group, found.append), found


async def test_what_is_asked_for_again_is_kept() -> None:
    decoding = Decoding()
    decoding.gate.set()
    async with shelf() as (kept, found):
        assert await kept.get("a", decoding) == await kept.get("a", decoding) == [decoding.image]
    assert (decoding.begun, found) == (1, ["decoded", "kept"])


async def test_the_oldest_go_first_and_what_is_too_large_is_not_kept() -> None:
    async with shelf(30) as (kept, found):
        for key in "abacab":  # three of 12 are too many: b goes for c, then c for b
            decoding = Decoding()
            decoding.gate.set()
            await kept.get(key, decoding)
        assert found == ["decoded", "decoded", "kept", "decoded", "kept", "decoded"]
        for _ in range(2):
            large = Decoding(31)
            large.gate.set()
            await kept.get("large", large)
        assert found[-2:] == ["decoded", "decoded"]
        kept.clear()
        await kept.get("a", large)
        assert found[-1] == "decoded"


async def test_requests_at_the_same_time_wait_for_one_decoding() -> None:
    decoding, results = Decoding(), []
    async with shelf() as (kept, found), anyio.create_task_group() as group:

        async def ask() -> None:
            results.append(await kept.get("a", decoding))

        group.start_soon(ask)
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        decoding.gate.set()
    assert results == [[decoding.image]] * 2
    assert (decoding.begun, found) == (1, ["decoded", "shared"])


@pytest.mark.parametrize("leaver", [0, 1])
async def test_one_that_leaves_does_not_end_it_for_the_other(leaver: int) -> None:
    decoding, results = Decoding(), []
    scopes = [anyio.CancelScope(), anyio.CancelScope()]
    async with shelf() as (kept, _), anyio.create_task_group() as group:

        async def ask(scope: anyio.CancelScope) -> None:
            with scope:
                results.append(await kept.get("a", decoding))

        for scope in scopes:
            group.start_soon(ask, scope)
        await anyio.wait_all_tasks_blocked()
        scopes[leaver].cancel()
        await anyio.wait_all_tasks_blocked()
        assert decoding.ended == 0
        decoding.gate.set()
    assert results == [[decoding.image]]
    assert decoding.begun == 1


async def test_the_last_one_that_leaves_ends_it_and_the_next_one_begins_anew() -> None:
    decoding = Decoding()
    async with shelf() as (kept, found):
        with anyio.move_on_after(0.01):
            await kept.get("a", decoding)
        assert decoding.ended == 1
        decoding.gate.set()
        await kept.get("a", decoding)
    assert found == ["decoded", "decoded"]


async def test_a_failure_is_for_all_who_wait_and_is_not_kept() -> None:
    errors: list[str] = []
    gate, tries = anyio.Event(), []

    async def fail() -> list[Attachment]:
        tries.append(1)
        await gate.wait()
        raise MediaError("damaged.")

    async with shelf() as (kept, _):

        async def ask() -> None:
            with pytest.raises(MediaError) as caught:
                await kept.get("a", fail)
            errors.append(caught.value.why)

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            gate.set()
        await ask()
    assert errors == ["damaged."] * 3
    assert len(tries) == 2


# In an app


def message(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


async def test_the_second_turn_of_a_conversation_decodes_nothing() -> None:
    metrics = Metrics()
    async with Attachments(MediaLimits(), decoders=DECODERS, figures=MediaFigures(metrics)) as attachments:
        [first] = await attachments.decode(message(image_part(PICTURE)))
        [second] = await attachments.decode(message(image_part(PICTURE), audio_part(sound())))
        assert first["content"][0] is second["content"][0]
    assert metrics.registry.get_sample_value("ola_attachments_total", {"found": "decoded"}) == 2
    assert metrics.registry.get_sample_value("ola_attachments_total", {"found": "kept"}) == 1


def sound() -> bytes:
    return (INPUTS / "short_1.3s_16k.wav").read_bytes()


async def test_what_is_held_is_counted_until_nobody_has_it() -> None:
    limits = MediaLimits(kept_bytes=0, max_held_bytes=BYTES)
    async with Attachments(limits, decoders=DECODERS) as attachments:
        [first] = await attachments.decode(message(image_part(PICTURE)))
        rows = first["content"][0].pixels[3:]
        assert attachments.held_bytes == BYTES
        del first
        gc.collect()
        assert attachments.held_bytes == BYTES  # some rows of it are still held
        with pytest.raises(MediaError, match="try again") as caught:
            await attachments.decode(message(image_part(PICTURE)))
        assert caught.value.status == 429
        del rows
        gc.collect()
        assert attachments.held_bytes == 0
        assert await attachments.decode(message(image_part(PICTURE)))


async def test_what_is_kept_gives_way() -> None:
    limits = MediaLimits(kept_bytes=10**6, max_held_bytes=OTHER_BYTES)
    async with Attachments(limits, decoders=DECODERS) as attachments:
        await attachments.decode(message(image_part(PICTURE)))
        gc.collect()
        assert attachments.held_bytes == BYTES
        await attachments.decode(message(image_part(OTHER)))
        gc.collect()
        assert attachments.held_bytes == OTHER_BYTES


@pytest.mark.parametrize("parts", [[image_part(OTHER)], [image_part(PICTURE), image_part(OTHER)]])
async def test_a_request_has_a_limit_when_decoded(parts: list[Any]) -> None:
    limits = MediaLimits(max_decoded_bytes=OTHER_BYTES if len(parts) > 1 else OTHER_BYTES - 1)
    async with Attachments(limits, decoders=DECODERS) as attachments:
        with pytest.raises(MediaError, match="when they are decoded") as caught:
            await attachments.decode(message(*parts))
        assert caught.value.status == 413
        assert await attachments.decode(message(image_part(PICTURE)))


async def test_all_attachments_of_a_request_share_the_bytes_that_are_allowed() -> None:
    limits = MediaLimits(max_bytes=len(PICTURE) + len(OTHER) - 1)
    async with Attachments(limits, decoders=DECODERS) as attachments:
        with pytest.raises(MediaError, match="bytes together") as caught:
            await attachments.decode(message(image_part(PICTURE), image_part(OTHER)))
    assert caught.value.status == 413
