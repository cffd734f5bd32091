"""An engine whose work is seen in traces. Implements `engine.api.Engine` around another one; used only while traces are
wanted, so that without them an event costs nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from engine.api import Engine, ServedModel
from server.closing import closing
from tts.tracing import Tracer


class TracedEngine:
    """The engine's own spans become children of these, because its client sends the task's `traceparent` along."""

    def __init__(self, engine: Engine, tracer: Tracer) -> None:
        self._engine, self._tracer = engine, tracer
        self.modalities, self.fits = engine.modalities, engine.fits

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._tracer.span("engine"):
            return await self._engine.chat(request)

    async def respond(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._tracer.span("engine"):
            return await self._engine.respond(request)

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        async with closing(self._traced(self._engine.stream_chat(request))) as events:
            async for event in events:
                yield event

    async def stream_response(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        async with closing(self._traced(self._engine.stream_response(request))) as events:
            async for event in events:
                yield event

    async def _traced(self, events: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        async with closing(events):
            with self._tracer.begun("engine") as span:
                # Only here, where the engine is asked: what the caller does between two events is not the engine's.
                with span.current():
                    first = await anext(events)
                span.event("first token")
                yield first
                async for event in events:
                    yield event

    async def models(self) -> list[ServedModel]:
        return await self._engine.models()

    async def check(self) -> None:
        await self._engine.check()

    async def running(self) -> int:
        return await self._engine.running()
