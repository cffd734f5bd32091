"""Processes that are begun and ended together, and servers that share out what comes to one socket."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from multiprocessing import get_context

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server.processes import Share, together, until_one_ends
from server.sharing import SharedListening
from server.stopping import Stopping
from tests.test_stop import members

pytestmark = pytest.mark.anyio

BOTH = [("stays",), ("goes",)]
END_SECONDS = 60


def stay_or_go(share: Share, what: str) -> None:
    anyio.run(share.all_ready)
    if what == "goes":
        sys.exit(3)
    while True:
        time.sleep(END_SECONDS)


def stay(share: Share) -> None:
    anyio.run(share.all_ready)
    if share.first:
        print("ready", flush=True)
    while True:
        time.sleep(END_SECONDS)


def test_the_end_of_one_is_known_and_ends_the_others() -> None:
    with together(stay_or_go, BOTH, END_SECONDS) as processes:
        ended = until_one_ends(processes)
        assert (ended.name, ended.exitcode) == ("gateway 1", 3)
        assert processes[0].is_alive()
    assert processes[0].exitcode == -signal.SIGTERM


def test_they_end_with_the_process_that_began_them() -> None:
    began = (
        "from tests.server.test_processes import stay\n"
        "from server.processes import together, until_one_ends\n"
        "if __name__ == '__main__':\n"
        "    with together(stay, [(), ()], 9) as processes:\n"
        "        until_one_ends(processes)\n"
    )
    with subprocess.Popen([sys.executable, "-c", began], stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        deadline = time.monotonic() + END_SECONDS
        while members(process.pid):
            assert time.monotonic() < deadline


def shares(*loads: int) -> list[Share]:
    context = get_context("spawn")
    array, ready = context.RawArray("i", list(loads)), context.Barrier(len(loads))
    return [Share(index, array, ready) for index in range(len(loads))]


def server(share: Share) -> SharedListening:
    def name(_: Request) -> Response:
        return PlainTextResponse(str(share.index))

    return SharedListening(Starlette(routes=[Route("/", name)]), Stopping(seconds=1.0), share)


async def test_whoever_has_the_fewest_takes_the_next() -> None:
    """Both in one event loop, where neither is slower than the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        servers = [server(share) for share in shares(99, 99)]
        async with anyio.create_task_group() as group:
            for one in servers:
                group.start_soon(one._serve, [listener.dup()])
            took = await answers(listener, 6)
            for one in servers:
                one.should_exit = True
    assert Counter(took) == {"0": 3, "1": 3}


async def test_who_has_more_takes_what_nobody_else_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        alone = server(shares(0, -1)[0])
        async with anyio.create_task_group() as group:
            group.start_soon(alone._serve, [listener.dup()])
            took = await answers(listener, 2)
            alone.should_exit = True
    assert took == ["0", "0"]


async def answers(listener: socket.socket, number: int) -> list[str]:
    """What clients hear, each on a connection that it keeps."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clients = [httpx.AsyncClient(timeout=END_SECONDS) for _ in range(number)]
    try:
        return [(await client.get(url)).text for client in clients]
    finally:
        for client in clients:
            await client.aclose()
