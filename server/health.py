"""Is the process up, and can it answer: GET /health and GET /ready."""

from __future__ import annotations

from contextlib import suppress
from math import inf

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

_BELIEVED_SECONDS = 1.0


async def check_health(parts: Parts) -> dict[str, str]:
    """Raises EngineError (503) if the engine is dead."""
    await parts.engine.check()
    return {"status": "ok"}


class Readiness:
    """Whether an answer could be given, and spoken, now. Everybody may ask, so the voice speaks once for all who ask at
    a time, and a voice that spoke is believed for a second."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._looking = parts, anyio.Lock()
        self._began, self._speaks = -inf, False

    async def check(self) -> dict[str, str]:
        """Raises EngineError or RequestError (503). Cancelling it leaves the looking to the next one who asks."""
        if self._parts.stopping.told:
            raise RequestError("The server is about to stop.", status=503, code="draining")
        await self._parts.engine.check()
        if self._parts.speaker is not None and not await self._heard(self._parts.speaker):
            raise RequestError("The voice does not speak.", status=503, code="voice_failed")
        return {"status": "ready"}

    async def _heard(self, speaker: Speaker) -> bool:
        asked = anyio.current_time()
        async with self._looking:
            if self._began < (asked - _BELIEVED_SECONDS if self._speaks else asked):
                self._began = anyio.current_time()
                self._speaks = await _speaks(speaker)
            return self._speaks


async def _speaks(speaker: Speaker) -> bool:
    """Whether a word really becomes sound; a live process alone proves nothing."""
    # Without voices of its own, a server has a default voice when somebody lends it one.
    with suppress(UnknownVoiceError, CannotImitateError, RegistryError), anyio.move_on_after(_VOICE_SECONDS):
        async with closing(once("Ready.")) as word, speaker.say(word, "default") as events:
            async for event in events:
                if isinstance(event, Sound):
                    return True
    return False
