"""vLLM's own spans hang under ours: each way of asking hands the task's span on, and none asks for one without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.client import VllmEngine
from tests.scripted_core import ScriptedCore, scripted_vllm

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:max_tokens is deprecated:DeprecationWarning"),  # vLLM's own code reads it
]

SPAN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello."}]}
RESPONSE: dict[str, Any] = {"input": "Hello."}


async def asked_every_way(engine: VllmEngine, core: ScriptedCore) -> list[Any]:
    """What vLLM's core was told of the trace: by `chat`, `stream_chat`, `respond`, `stream_response`."""
    await engine.chat(CHAT)
    assert [event async for event in engine.stream_chat(CHAT)]
    await engine.respond(RESPONSE)
    assert [event async for event in engine.stream_response(RESPONSE)]
    return core.trace_headers


async def test_the_span_reaches_the_core() -> None:
    span: str | None = SPAN
    core = await scripted_vllm(Path("models/ola-demo"), traceparent=lambda: span)
    assert await asked_every_way(*core) == [{"traceparent": SPAN}] * 4
    span = None
    core[1].trace_headers.clear()
    assert await asked_every_way(*core) == [None] * 4
