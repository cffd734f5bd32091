"""What tests of the speaker share: texts to say, and what a listener makes of the events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from tests.scripted_voice import ScriptedVoice
from tts.events import Event, Sound
from tts.plan import pause_after
from tts.speaker import Limits, Speaker, Speech
from tts.voice import WIRE_RATE

SENTENCES = [f"Sentence number {number} is said here." for number in ("one", "two", "three", "four", "five", "six")]


async def text(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def enter(block: AbstractAsyncContextManager[object]) -> None:
    """Enter and leave."""
    async with block:
        pass


async def all_of(speech: Speech) -> list[Event]:
    async with speech as events:
        return [event async for event in events]


def sound_of(events: list[Event]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, Sound))


async def heard(speech: Speech) -> bytes:
    return sound_of(await all_of(speech))


def spoken(voice: ScriptedVoice, *units: str) -> bytes:
    """What a listener should get: each unit's samples and the pauses between them."""
    whole = b"".join(voice.pcm(unit) + silence(pause_after(unit)) for unit in units)
    return whole[: -len(silence(pause_after(units[-1])))]


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * WIRE_RATE))


def samples(pcm: bytes) -> int:
    return len(pcm) // 2


def speaker(*voices: ScriptedVoice, **limits: float) -> Speaker:
    return Speaker(voices, {}, Limits(**limits))


def quick(**script: object) -> ScriptedVoice:
    return ScriptedVoice(**{"seconds_per_char": 0.01} | script)  # type: ignore[arg-type]
