"""What worker processes speak with in tests: the scripted voice, with a script from the environment."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from typing import Any

import anyio

from tests.scripted_voice import ScriptedVoice
from tts.recorded import Recorded
from tts.voice import Voice

VARIABLE = "OLA_TEST_SCRIPT"


class WorkerVoice(ScriptedVoice):
    """Kills its process at the word "poison"; with `lingers` waits for ever after a unit's last chunk."""

    def __init__(self, *, lingers: bool = False, **script: Any) -> None:
        super().__init__(**script)
        self._lingers = lingers

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        if "poison" in text:
            os._exit(1)
        async for chunk in super().synthesize(text, lang=lang, speed=speed, seed=seed):
            yield chunk
        if self._lingers:
            await anyio.sleep_forever()


def scripted() -> list[Voice]:
    """One voice, `default`, as the script says."""
    return [WorkerVoice(**json.loads(os.environ.get(VARIABLE, "{}")))]


class Mimicry:
    """Speaks with recorded voices only: a letter takes a hundredth of a second for each of the transcript's letters."""

    slots = 3

    def __init__(self) -> None:
        self.started = False

    async def start(self) -> None:
        self.started = True

    def voices(self) -> list[Voice]:
        return []

    def imitate(self, recorded: Recorded) -> Voice:
        assert self.started
        return WorkerVoice(name=recorded.name, seconds_per_char=len(recorded.transcript) / 100)


def mimicry() -> Mimicry:
    return Mimicry()
