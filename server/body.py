"""Reads a request's body, as a JSON object or as it is, with a bound on its size. Knows no field of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from server.errors import RequestError

_MAX_VALUES = 1_000_000
"""A value takes two bytes of JSON and dozens in memory; recordings and long talks are few values."""


async def read_object(request: Request, max_bytes: int) -> dict[str, Any]:
    """The body as a dict. Cancelling it leaves the rest of the body unread.

    Raises:
        RequestError: not declared as JSON (415), more than `max_bytes` or of values (413), no JSON or no object (400).
        starlette.requests.ClientDisconnect: the client left while sending.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError("The body must be sent as Content-Type: application/json.", status=415)
    raw = await read_body(request, max_bytes)
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > _MAX_VALUES:
        raise RequestError(f"The body has more than the {_MAX_VALUES} values this server takes.", status=413)
    try:
        body = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(f"The body is not valid JSON: {error}.", code="invalid_json") from error
    if not isinstance(body, dict):
        raise RequestError("The body must be a JSON object.", code="invalid_json")
    return body


async def read_body(request: Request, max_bytes: int) -> bytearray:
    """The body as it is. Cancelling it and its errors are as in `body_pieces`."""
    raw = bytearray()
    async with aclosing(body_pieces(request, max_bytes)) as pieces:
        async for piece in pieces:
            raw += piece
    return raw


async def body_pieces(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes. Closing it leaves the rest of the body unread.

    Raises:
        RequestError: more than `max_bytes` (413).
        starlette.requests.ClientDisconnect: the client left while sending.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    size = 0
    # Not request.body(): it would keep these bytes until the last event of the answer is sent.
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            yield piece


def _too_large(max_bytes: int) -> RequestError:
    return RequestError(f"The body is larger than the {max_bytes} bytes this server takes.", status=413)
