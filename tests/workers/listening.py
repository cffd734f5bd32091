"""What tests of workers share: speaking through a fleet, and what a listener should get."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio

from tests.scripted_voice import ScriptedVoice
from tests.tts.speaking import SENTENCES, sound_of, spoken
from tests.workers.processes import figures
from tts.events import Begun, Event, Skipped
from tts.speaker import Limits, Speaker, Speech
from tts.voice import WIRE_RATE
from tts.workers.redis_voices import RedisFleet, redis_fleet

STORY = " ".join(SENTENCES)
SCRIPT: dict[str, Any] = {"seconds_per_char": 0.03, "rtf": 0.2, "delay": 0.05, "slots": 2}
"""A sentence of a good second, made in a quarter of it."""


FIRST = round(SCRIPT["seconds_per_char"] * len(SENTENCES[0]) * WIRE_RATE)
"""Samples of the first sentence."""


class Listener:
    """Somebody who takes an answer as it comes."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.done = anyio.Event()

    async def listen(self, speech: Speech) -> None:
        async with speech as events:
            async for event in events:
                self.events.append(event)
        self.done.set()

    @property
    def heard(self) -> bytes:
        return sound_of(self.events)

    async def until_heard(self, samples: int) -> None:
        await until(lambda: len(self.heard) >= 2 * samples)


async def until(true: Callable[[], bool], seconds: float = 10.0) -> float:
    """Wait for something that nothing tells; returns how long it took."""
    begun = anyio.current_time()
    with anyio.fail_after(seconds):
        while not true():  # noqa: ASYNC110
            await anyio.sleep(0.005)
    return anyio.current_time() - begun


async def until_idle(port: int) -> float:
    """Wait until a worker speaks nothing; returns how long it took."""
    return await until(lambda: not figures(port)["ola_worker_busy"])


@asynccontextmanager
async def speaking(url: str, **limits: float) -> AsyncGenerator[tuple[Speaker, RedisFleet], None]:
    """A speaker with the voices of the workers that are there."""
    async with redis_fleet(url) as fleet:
        async for voice in fleet.joins():
            yield Speaker([voice], {}, Limits(**limits)), fleet
            return


def local_voice() -> ScriptedVoice:
    """A voice in this process that says what the workers' say."""
    return ScriptedVoice(seconds_per_char=SCRIPT["seconds_per_char"])


def undisturbed(events: list[Event]) -> bytes:
    """What the units of these events are when a voice in this process speaks them."""
    return spoken(local_voice(), *(event.text for event in events if isinstance(event, Begun)))


def assert_whole(events: list[Event], text: str = STORY) -> None:
    """All of `text` was said, and every sample of it came once and in order."""
    assert not [event.error for event in events if isinstance(event, Skipped)]
    assert " ".join(event.text for event in events if isinstance(event, Begun)) == text
    assert sound_of(events) == undisturbed(events)
