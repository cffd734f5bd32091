"""`python -m tests.deploy.scripted_server PORT`: our server as `ola serve` runs it, but over a scripted model and
voice, so that it starts in seconds and its answers are known. Settings are OLA_... variables."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from contextlib import AsyncExitStack
from typing import Any

import anyio
import uvloop

from loadtests.scripted import ANSWER, TimedEngine
from server.access.access import opened_access
from server.app import create_app
from server.listening import Listening
from server.realtime.durable.redis import session_store
from server.redis_store import answer_store
from server.settings import Settings
from server.stopping import Stopping
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tts.speaker import Speaker

READY = "answers at port"


class _Engine(TimedEngine):
    """Also says ANSWER in one piece."""

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        await anyio.sleep(0.3)
        return await ScriptedEngine([ANSWER]).chat(request)


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    uvloop.run(_serve(Settings(), int(sys.argv[1])))


async def _serve(settings: Settings, port: int) -> None:
    async with AsyncExitStack() as stack:
        access = await stack.enter_async_context(opened_access(settings))
        store = await stack.enter_async_context(answer_store(settings))
        sessions = await stack.enter_async_context(session_store(settings))
        voice = ScriptedVoice(seconds_per_char=0.005, slots=64)
        speaker = Speaker([voice], {"alloy": voice.name, "default": voice.name})
        stopping = Stopping(settings.shutdown_seconds, settings.notice_seconds)
        app = create_app(settings, _Engine(), speaker, store, access, sessions, stopping=stopping)
        listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        print(READY, port, file=sys.stderr, flush=True)
        await Listening(app, stopping).serve([listener])


if __name__ == "__main__":
    main()
