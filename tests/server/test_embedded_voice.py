"""The voice that is served by default, through the server and the SDK: it really sounds, and really stops."""

from __future__ import annotations

import base64
from contextlib import AsyncExitStack

import anyio
import numpy as np
import pytest
from openai import AsyncOpenAI

from server.app import create_app
from server.settings import Settings
from server.store import MemoryStore
from tests.scripted_engine import ScriptedEngine
from tests.server.served import SPOKEN, STOP_SECONDS
from tests.serving import serving
from tts.speaker import Speaker
from tts.voice import WIRE_RATE
from tts.voices.espeak import EspeakVoice
from tts.voices.espeak_process import EspeakProcess

pytestmark = pytest.mark.anyio

LONG = "This is one sentence of many, and it goes on for quite a while before it comes to its end. "


async def _serve(stack: AsyncExitStack, engine: ScriptedEngine, process: EspeakProcess) -> AsyncOpenAI:
    speaker = Speaker([EspeakVoice("default", process)], {"alloy": "default"})
    app = create_app(Settings(), engine, speaker, MemoryStore(60, 10))
    url = await stack.enter_async_context(serving(app))
    return await stack.enter_async_context(AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=20))


async def test_it_sounds_while_the_text_is_still_written() -> None:
    engine = ScriptedEngine(["The first sentence. ", "And the", " second."], gates={2: anyio.Event()})
    sound = b""
    async with AsyncExitStack() as stack:
        sdk = await _serve(stack, engine, EspeakProcess())
        async for chunk in await sdk.chat.completions.create(**SPOKEN, stream=True):
            if (audio := chunk.choices[0].delta.audio) and audio.data:
                sound += base64.b64decode(audio.data)
                engine.gates[2].set()
    samples = np.frombuffer(sound, "<i2").astype(float)
    assert 1.5 < len(samples) / WIRE_RATE < 6
    assert np.sqrt((samples**2).mean()) > 500


async def test_it_stops_with_its_listener() -> None:
    engine, process = ScriptedEngine([LONG] * 200), EspeakProcess()
    async with AsyncExitStack() as stack:
        sdk = await _serve(stack, engine, process)
        stream = await sdk.chat.completions.create(**SPOKEN, stream=True)
        async for chunk in stream:
            if (audio := chunk.choices[0].delta.audio) and audio.data:
                break
        await stream.close()
        await anyio.sleep(STOP_SECONDS)
        status = await process.status()
        await anyio.sleep(STOP_SECONDS)
        assert await process.status() == status
        assert status.spoken < 200
        assert await engine.running() == 0
