"""As much of /v1/realtime as the load needs to talk with: a turn is sound that is loud, every answer is the same.

Its times are the sample clock's, and the answer comes at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from loadtests.turns import WINDOW_MS
from tts.voice import WIRE_RATE

_LOUD = 1000


def address(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def refusing() -> AsyncGenerator[str]:
    """The address of a server that lets nobody in: 429, `too many`."""

    async def nobody(_: ServerConnection) -> None:
        raise AssertionError

    def refuse(connection: ServerConnection, _: Request) -> Response:
        return connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "too many")

    async with serve(nobody, "127.0.0.1", 0, process_request=refuse) as server:
        yield address(server)


class RealtimeServer:
    """`answer`: seconds of sound, a tenth at a time, which say `words`; `silence_ms` ends a turn."""

    def __init__(self, *, answer: float, silence_ms: int, words: str = "Yes.") -> None:
        self.answer, self.silence_ms, self.words = answer, silence_ms, words
        self.sessions: list[dict[str, Any]] = []
        """What each client asked its session to be."""

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        """Its address."""
        async with serve(self._session, "127.0.0.1", 0) as server:
            yield address(server)

    async def _session(self, connection: ServerConnection) -> None:
        clock, spoke, speaking, answering = 0, 0, False, asyncio.create_task(asyncio.sleep(0))

        async def tell(kind: str, **fields: Any) -> None:
            await connection.send(json.dumps({"type": kind, **fields}))

        async def answer() -> None:
            name = f"resp_{clock}"
            try:
                await tell("response.created", response={"id": name, "status": "in_progress"})
                await tell("response.output_audio_transcript.delta", response_id=name, delta=self.words)
                for _ in range(round(self.answer * 10)):
                    pcm = base64.b64encode(bytes(WIRE_RATE // 5)).decode()
                    await tell("response.output_audio.delta", response_id=name, delta=pcm)
                    await asyncio.sleep(0.1)
                await tell("response.done", response={"id": name, "status": "completed"})
            except asyncio.CancelledError:
                await tell("response.done", response={"id": name, "status": "cancelled"})
                raise

        async for message in connection:
            event = json.loads(message)
            if event["type"] == "session.update":
                self.sessions.append(event["session"])
                await tell("session.updated", session=event["session"])
                continue
            pcm = base64.b64decode(event["audio"])
            clock += len(pcm) * 500 // WIRE_RATE
            loud = np.abs(np.frombuffer(pcm, "<i2")).max() > _LOUD
            spoke = clock if loud else spoke
            if loud and not speaking:
                speaking = True
                answering.cancel()
                await tell("input_audio_buffer.speech_started", audio_start_ms=clock)
            if speaking and clock // WINDOW_MS * WINDOW_MS >= spoke + self.silence_ms:
                speaking = False
                await tell("input_audio_buffer.speech_stopped", audio_end_ms=spoke + self.silence_ms)
                answering = asyncio.create_task(answer())
        answering.cancel()
