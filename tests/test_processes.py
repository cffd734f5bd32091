"""Several gateway processes in front of one real engine, with a real Redis: they are one server to whoever uses it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from time import monotonic

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests import golden_set
from tests.ola_process import ENVIRONMENT, ola_process
from tests.redis_server import redis_server
from tests.test_stop import members

pytestmark = pytest.mark.engine

END_SECONDS = 60
ASKED = {"model": golden_set.CHECKPOINT.name, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    options = ("--dtype", "float32", "--enforce-eager", "--api-server-count", "2")
    with (
        redis_server() as redis,
        ola_process(golden_set.CHECKPOINT, *options, environment={"OLA_REDIS_URL": redis.url}) as started,
    ):
        yield started


def test_figures_are_of_all_processes_whoever_is_asked(server: tuple[subprocess.Popen[str], str]) -> None:
    _, address = server
    clients = [httpx.Client(base_url=address, timeout=120) for _ in range(4)]  # connections are shared out evenly
    for client in clients:
        assert client.post("/v1/chat/completions", json=ASKED).status_code == 200
    pattern = r'^ola_requests_total\{.*chat/completions".*\} (\S+)'
    counted = [re.findall(pattern, client.get("/metrics").text, re.MULTILINE) for client in clients]
    assert counted == [["4.0"]] * 4
    engine = re.search(
        r"^vllm:request_success_total\{.*length.*\} (\S+)", clients[0].get("/metrics").text, re.MULTILINE
    )
    assert engine is not None
    assert float(engine[1]) >= 4
    for client in clients:
        client.close()


def test_a_session_goes_on_at_whichever_process_its_client_comes_back_to(
    server: tuple[subprocess.Popen[str], str],
) -> None:
    _, address = server
    url = f"{address.replace('http', 'ws')}/v1/realtime?model={golden_set.CHECKPOINT.name}"
    with connect(url) as second:  # there before the first has left: it is not at the same process
        told(second, "session.created")
        with connect(url) as first:
            (session,) = re.findall(r'"id":"(sess_\w+)"', told(first, "session.created"))
            item = (
                '{"id": "item_1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "A"}]}'
            )
            first.send(f'{{"type": "conversation.item.create", "item": {item}}}')
            told(first, "conversation.item.done")
        resume = f'{{"type": "session.resume", "session_id": "{session}"}}'
        deadline = monotonic() + END_SECONDS
        second.send(resume)
        while '"error"' in told(second, "session.resumed", "error"):  # it is written down a moment later
            assert monotonic() < deadline
            second.send(resume)
        second.send('{"type": "conversation.item.retrieve", "item_id": "item_1"}')
        assert '"text":"A"' in told(second, "conversation.item.retrieved", "error")


def test_one_that_dies_takes_the_others_with_it(server: tuple[subprocess.Popen[str], str]) -> None:
    """The last test with this server: there is none after it."""
    process, _ = server
    os.kill(children(process.pid)[-1], signal.SIGKILL)  # the engine was begun before the gateways
    assert process.wait(END_SECONDS) == 1
    deadline = monotonic() + END_SECONDS
    while left := members(process.pid):
        assert monotonic() < deadline, left


def test_without_redis_one_process_is_all() -> None:
    command = [sys.executable, "-m", "server.cli", "serve", "--api-server-count", "2"]
    refused = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("ola serve: --api-server-count above 1 needs OLA_REDIS_URL")


def told(connection: ClientConnection, *kinds: str) -> str:
    """The next event of one of these types."""
    while True:
        event = str(connection.recv(END_SECONDS))
        if any(event.startswith(f'{{"type":"{kind}"') for kind in kinds):
            return event


def children(process: int) -> list[int]:
    """Oldest first."""
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=True)
    return sorted(map(int, listing.stdout.split()))
