"""Is the process up, and can it answer: GET /health and GET /ready."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio

from server.closing import closing
from server.errors import RequestError
from server.parts import Parts
from tts.speaker import Speaker
from tts.voice import VoiceError

_VOICE_SECONDS = 5.0
"""A voice that makes no sound of one word in this time is not ready for a conversation."""


async def check_health(parts: Parts) -> dict[str, str]:
    """Raises EngineError (503) if the engine is dead."""
    await parts.engine.check()
    return {"status": "ok"}


async def check_ready(parts: Parts) -> dict[str, str]:
    """Raises EngineError or RequestError (503) if an answer could not be given, or not be spoken, now."""
    await parts.engine.check()
    if parts.speaker is not None and not await _speaks(parts.speaker):
        raise RequestError("The voice does not speak.", status=503, code="voice_failed")
    return {"status": "ready"}


async def _speaks(speaker: Speaker) -> bool:
    """Whether a word really becomes sound; a live process alone proves nothing."""
    word = _one("Ready.")
    speech = speaker.say(word, "default")
    try:
        async with closing(word), closing(speech):
            with anyio.fail_after(_VOICE_SECONDS):
                return len(await anext(speech, b"")) > 0
    except (VoiceError, TimeoutError):
        return False


async def _one(sentence: str) -> AsyncGenerator[str, None]:
    yield sentence
