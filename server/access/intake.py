"""What comes in with a request, on its way to the route: counted, and cut off when it comes too slowly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf

import anyio
from starlette.types import Message, Receive

from server.access.limits.allowance import Allowance
from server.access.places import Place
from server.errors import RequestError

GRACE_SECONDS = 20.0
"""For a small body, however slow the line."""
BYTES_PER_SECOND = 8 * 1024
"""What a body must come with, on the average, after that."""
LONGEST_SECONDS = 1200.0
"""For any body: 256 MiB at 2 Mbit/s."""

CHECK_SECONDS = 5.0
"""After which a session may go on with a key that was revoked."""


class BodyTooSlowError(RequestError):
    """The body did not come in time."""

    def __init__(self) -> None:
        super().__init__(
            "The body came too slowly.", status=408, code="request_timeout", headers={"Connection": "close"}
        )


def counted_body(receive: Receive, allowance: Allowance, place: Place) -> Receive:
    """`receive` of a request: its body is counted and has to come in time.

    Raises LimitError, ServerBusyError or BodyTooSlowError where the body would have gone on.
    """
    began, size, complete = inf, 0, False

    async def next_message() -> Message:
        nonlocal began, size, complete
        if complete:
            return await receive()
        # From the first look at the body on: until then a client may wait to be asked for it.
        began = min(began, anyio.current_time())
        deadline = began + min(GRACE_SECONDS + size / BYTES_PER_SECOND, LONGEST_SECONDS)
        with anyio.CancelScope(deadline=deadline) as late:
            message = await receive()
        if late.cancelled_caught:
            raise BodyTooSlowError
        piece = len(message.get("body", b""))
        size += piece
        place.hold(piece)
        complete = not message.get("more_body", False)
        await allowance.read(piece)
        if complete:
            await allowance.read_all()
        return message

    return next_message


def counted_messages(receive: Receive, allowance: Allowance, check: Callable[[], Awaitable[None]]) -> Receive:
    """`receive` of a WebSocket: what the client says is counted, and `check` called before it from time to time.

    Raises LimitError in place of what is too much, and what `check` raises.
    """
    checked = anyio.current_time()

    async def next_message() -> Message:
        nonlocal checked
        message = await receive()
        if message["type"] == "websocket.receive":
            if anyio.current_time() >= checked + CHECK_SECONDS:
                await check()
                checked = anyio.current_time()
            await allowance.read(_size(message.get("bytes") or message.get("text") or ""))
        return message

    return next_message


def _size(said: bytes | str) -> int:
    return len(said.encode()) if isinstance(said, str) and not said.isascii() else len(said)
