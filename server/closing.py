"""Leaving things behind properly: streams are closed even while cancelled, work ends when its client is gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from starlette.types import Receive

from tts.background import background

T = TypeVar("T")

_CLOSE_SECONDS = 5.0
"""A stream that takes longer to close is given up, so that a hung voice cannot hold a connection for ever."""


async def once(item: T) -> AsyncGenerator[T, None]:
    """A stream of this alone."""
    yield item


@asynccontextmanager
async def closing(stream: AsyncGenerator[T, None]) -> AsyncGenerator[AsyncGenerator[T, None], None]:
    """Give `stream` and close it on the way out, in this task. Cancelling does not cut the closing short."""
    try:
        yield stream
    finally:
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await stream.aclose()


async def unless_gone(receive: Receive, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work`, and cancel it the moment the client disconnects. The request's body must have been read.

    Raises what `work` raises, not in a group. Cancelling it cancels `work`.
    """
    async with background() as group:
        group.start_soon(_cancel_when_gone, receive, group.cancel_scope, name="disconnect")
        await work()


async def _cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
