"""A client that reads nothing more, of an app that has ended: its connection ends too."""

from __future__ import annotations

import os

import anyio
import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from server import patient_websocket
from tests.serving import serving

pytestmark = pytest.mark.anyio

MUCH = "x" * 2**26
"""More than the buffers of the kernel hold on the way."""


async def says_much(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": MUCH})


def calling(url: str) -> connect:
    return connect(url.replace("http", "ws"), max_size=None, compression=None, close_timeout=0.1)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_websocket, "LAST_SECONDS", 0.3)
    async with serving(says_much, lifespan="off") as url, calling(url) as client:
        client.transport.pause_reading()
        both = open_files()
        with anyio.fail_after(5):
            while open_files() >= both:  # noqa: ASYNC110 - nothing tells the client
                await anyio.sleep(0.01)
        client.transport.abort()


async def test_who_reads_gets_all() -> None:
    async with serving(says_much, lifespan="off") as url, calling(url) as client:
        with anyio.fail_after(5):
            assert await client.recv() == MUCH
