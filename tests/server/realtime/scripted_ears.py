"""A scripted engine that also writes down what it hears, and not in the words of its answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import anyio

from engine.api import Sound, listening_prompt
from tests.scripted_engine import Delta, ScriptedEngine

_ASKS = listening_prompt("transcribe")


class ListeningEngine(ScriptedEngine):
    """`ears` answers what asks for the words of a recording, the engine itself all else."""

    def __init__(
        self,
        deltas: Sequence[Delta] = ("Hello ", "there."),
        words: Sequence[str] = ("What time is it?",),
        *,
        gates: Mapping[int, anyio.Event] | None = None,
        ears: Mapping[str, Any] | None = None,
    ) -> None:
        """`gates` are of the answers; `ears` is how the other engine is scripted beside its `words`."""
        super().__init__(deltas, gates=gates)
        self.ears = ScriptedEngine(words, **(ears or {}))

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        source = self.ears.stream_chat(request) if asks_for_words(request) else super().stream_chat(request)
        try:
            async for event in source:
                yield event
        finally:
            await source.aclose()

    async def running(self) -> int:
        return await super().running() + await self.ears.running()


def asks_for_words(request: dict[str, Any]) -> bool:
    """Whether this is about a recording alone."""
    content = request["messages"][-1]["content"]
    texts = [part["text"] for part in content if isinstance(part, dict) and part["type"] == "text"]
    heard = any(isinstance(part, Sound) for part in content)
    return heard and any(text.startswith(_ASKS) for text in texts)
