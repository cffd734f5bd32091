"""An engine and a voice that go on by a token or a chunk when a test says so, or by themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from random import Random
from typing import Any

import anyio

from engine.api import EngineError
from tests.scripted_engine import Delta, ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.realtime.scripted_ears import asks_for_words
from tests.server.realtime.test_tools import call
from tts.plan import CHARS_PER_SECOND
from tts.voice import VoiceError

_SENTENCES = ("One two three. ", "Four five six seven. ", "Eight, nine. ", "Ten! ", "Eleven twelve thirteen fourteen. ")


class Steps:
    """Permission to go on."""

    def __init__(self) -> None:
        self.free = False
        self._next = anyio.Event()

    async def reached(self) -> None:
        """Wait for the next step."""
        if not self.free:
            await self._next.wait()

    def step(self) -> None:
        """Let all that wait go on."""
        self._next.set()
        self._next = anyio.Event()

    def let_go(self) -> None:
        """Nobody waits any more."""
        self.free = True
        self.step()


class SteppedEngine(ScriptedEngine):
    """Every request is answered in its own way, by chance."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.steps, self._chance = Steps(), chance

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        one = _OneAnswer(self, _words(self._chance) if asks_for_words(request) else _answer(self._chance))
        if self._chance.random() < 0.1:
            one.break_at = self._chance.randrange(len(one.deltas))
        if self._chance.random() < 0.03:
            one.refuse = EngineError("refused")
        self._running += 1
        source = one.stream_chat(request)
        try:
            async for event in source:
                yield event
        finally:
            await source.aclose()
            self._running -= 1

    async def _reach(self, index: int) -> None:
        await self.steps.reached()
        await super()._reach(index)


class _OneAnswer(ScriptedEngine):
    def __init__(self, engine: SteppedEngine, deltas: list[Delta]) -> None:
        super().__init__(deltas)
        if not isinstance(deltas[-1], str):
            self.finish |= {"finish_reason": "tool_calls"}
        self._steps = engine.steps

    async def _reach(self, index: int) -> None:
        await self._steps.reached()
        await super()._reach(index)


def _words(chance: Random) -> list[Delta]:
    return [chance.choice(["", "What time is it?", "And then I", "Stop."])]


def _answer(chance: Random) -> list[Delta]:
    said: list[Delta] = [chance.choice(_SENTENCES) for _ in range(chance.randrange(6))]
    calls = [delta for index in range(chance.choice([0, 0, 0, 1, 2])) for delta in call(index)]
    return [*said, *calls] or ["Yes."]


class SteppedVoice(ScriptedVoice):
    """Speaks as fast as is expected; fails now and then."""

    def __init__(self, chance: Random) -> None:
        super().__init__(seconds_per_char=1 / CHARS_PER_SECOND)
        self.steps, self._chance = Steps(), chance

    async def _before_chunk(self, text: str, number: int) -> None:
        await self.steps.reached()
        if self._chance.random() < 0.01:
            raise VoiceError("by chance")
