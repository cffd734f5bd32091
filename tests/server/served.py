"""A served app over scripted parts, and the two clients that tests talk to it with."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import anyio
import httpx
from fastapi import FastAPI
from openai import AsyncOpenAI

from server.access.access import Access
from server.app import create_app
from server.realtime.durable.store import SessionStore
from server.settings import Settings
from server.store import MemoryStore, Store
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.serving import serving
from tts.plan import pause_after
from tts.speaker import Limits, Speaker
from tts.voice import WIRE_RATE

ASK: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
SPOKEN: dict[str, Any] = ASK | {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}

STOP_SECONDS = 0.3
"""After a client left, everything behind its request has ended within this time."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its parts to look at, its clients to ask."""

    engine: ScriptedEngine
    voice: ScriptedVoice | None
    app: FastAPI
    http: httpx.AsyncClient
    sdk: AsyncOpenAI

    async def idle_after(self) -> float:
        """Seconds until neither engine nor voice works on anything; at most a second."""
        started = perf_counter()
        with anyio.move_on_after(1):
            # Polled: nothing tells a client when the server noticed that it left.
            while await self.engine.running():  # noqa: ASYNC110
                await anyio.sleep(0.002)
            if self.voice is not None:
                await self.voice.until_idle()
        return perf_counter() - started


@asynccontextmanager
async def served(
    engine: ScriptedEngine,
    voice: ScriptedVoice | None = None,
    store: Store | None = None,
    limits: Limits | None = None,
    access: Access | None = None,
    key: str = "none",
    sessions: SessionStore | None = None,
    serves: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncGenerator[Served, None]:
    """Serve `engine` and `voice` (None: no voice) while the block runs. `key` is the SDK's; `serves` are uvicorn's
    options."""
    speaker = None if voice is None else Speaker([voice], {"alloy": voice.name}, limits)
    app = create_app(Settings(**settings), engine, speaker, store or MemoryStore(3600, 100), access, sessions)
    async with (
        serving(app, **serves or {}) as url,
        httpx.AsyncClient(base_url=url, timeout=10) as http,
        AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=10) as sdk,
    ):
        yield Served(engine, voice, app, http, sdk)


def quick_voice(**script: Any) -> ScriptedVoice:
    """A voice that says a sentence in a few tenths of a second of sound, in one or two chunks, one after the other."""
    return ScriptedVoice(**{"seconds_per_char": 0.01, "chunk_seconds": 0.1, "slots": 1} | script)


def spoken_bytes(voice: ScriptedVoice, units: Sequence[str] | None = None) -> int:
    """Size of the pcm16 of an answer in these units (None: all that `voice` said), with the pauses between them."""
    units = voice.said if units is None else units
    speech = sum(2 * round(voice.seconds(unit) * WIRE_RATE) for unit in units)
    return speech + sum(2 * round(pause_after(unit) * WIRE_RATE) for unit in units[:-1])


async def chunks_of(response: httpx.Response) -> AsyncGenerator[dict[str, Any]]:
    """The JSON of each event; asserts that the stream is closed by [DONE]."""
    done = False
    async for line in response.aiter_lines():
        assert not done or not line, "something after [DONE]"
        if line == "data: [DONE]":
            done = True
        elif line:
            yield json.loads(line.removeprefix("data: "))
    assert done, "the stream ended without [DONE]"


def audio_of(chunk: dict[str, Any]) -> dict[str, Any]:
    """`delta.audio` of a chunk, empty if there is none."""
    return chunk["choices"][0]["delta"].get("audio") or {} if chunk.get("choices") else {}
