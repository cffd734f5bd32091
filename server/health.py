"""Is the process up, and can it answer: GET /health and GET /ready."""

from __future__ import annotations

from contextlib import suppress

import anyio

from server.closing import closing, once
from server.errors import RequestError
from server.parts import Parts
from tts.events import Sound
from tts.imitations import CannotImitateError
from tts.registry import RegistryError
from tts.speaker import Speaker
from tts.voice import UnknownVoiceError

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
    # Without voices of its own, a server has a default voice when somebody lends it one.
    with suppress(UnknownVoiceError, CannotImitateError, RegistryError), anyio.move_on_after(_VOICE_SECONDS):
        async with closing(once("Ready.")) as word, speaker.say(word, "default") as events:
            async for event in events:
                if isinstance(event, Sound):
                    return True
    return False
