"""Our server over a scripted model and voice, as a process of its own: what it takes is what we add.

Everything before and behind these two is what `ola serve` has.
"""

from __future__ import annotations

import argparse
import gc
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import cache
from typing import Any

import anyio

from loadtests.servers import HOST
from loadtests.speech import FIRST_CHUNK, REAL_TIME_FACTOR, TOKENS_PER_SECOND, tokens
from server.app import create_app
from server.listening import Listening
from server.processes import Share, together, until_one_ends
from server.settings import Settings
from server.sharing import SharedListening
from server.stopping import Stopping
from server.store import MAX_ANSWERS, MemoryStore
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tts.speaker import Speaker

ANSWER = (
    "It was a cold evening in May. The old lighthouse stood at the end of the pier, where nobody had lived for years."
)
"""Seven and a half seconds of speech."""
END_SECONDS = 10.0
READY = "It listens"
"""What it says when it listens."""
FIRST_TOKEN = 0.1
"""Seconds from the question."""


class TimedEngine(ScriptedEngine):
    """Says ANSWER, each token at its time."""

    def __init__(self) -> None:
        super().__init__(tokens(ANSWER))

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        """Nothing, at once: so are prompts read ahead of time."""
        self.requests.clear()  # they hold the sound of all turns
        return await ScriptedEngine([""]).chat(request)

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        self.requests.clear()
        begun, number = anyio.current_time(), -1  # the first event has no words
        async with aclosing(super().stream_chat(request)) as events:
            async for event in events:
                await anyio.sleep_until(begun + FIRST_TOKEN + max(number, 0) / TOKENS_PER_SECOND)
                yield event
                number += 1


class KnownVoice(ScriptedVoice):
    """Never makes the same sound twice, so that the script costs next to nothing."""

    def __init__(self) -> None:
        super().__init__(
            seconds_per_char=1 / 15, chunk_seconds=0.1, delay=FIRST_CHUNK, rtf=REAL_TIME_FACTOR, slots=1024
        )
        self._made = cache(super().pcm)

    def pcm(self, text: str) -> bytes:
        return self._made(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtests.scripted")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api-server-count", type=int, default=1)
    options = parser.parse_args()
    with socket.create_server((HOST, options.port)) as listener:
        if options.api_server_count == 1:
            serve(None, listener)
        else:
            with (
                suppress(KeyboardInterrupt),
                together(serve, [(listener,)] * options.api_server_count, END_SECONDS) as processes,
            ):
                until_one_ends(processes)


def serve(share: Share | None, listener: socket.socket) -> None:
    """As one of several processes, or alone."""
    # As the real one (`server.cli`).
    anyio.run(_serve, share, listener, backend_options={"use_uvloop": True})


async def _serve(share: Share | None, listener: socket.socket) -> None:
    voice = KnownVoice()
    speaker, stopping = Speaker([voice], {"alloy": voice.name}), Stopping(seconds=0.0)
    app = create_app(Settings(), TimedEngine(), speaker, MemoryStore(60, MAX_ANSWERS), stopping=stopping)
    # As with the real engine (`engine.client`).
    gc.collect()
    gc.freeze()
    server = Listening(app, stopping) if share is None else SharedListening(app, stopping, share)
    if share is not None:
        await share.all_ready()
    if share is None or share.first:
        print(READY, flush=True)
    await server.serve([listener])


if __name__ == "__main__":
    main()
