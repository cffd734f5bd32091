"""Real speech for the ear: espeak, and the one voice activity model."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.realtime.hearing.vad import Vad
from tests.server.realtime.hearing.speech import Speech
from tts.voices.espeak_process import EspeakProcess


@pytest.fixture(scope="package")
async def speech() -> AsyncIterator[Speech]:
    """Not for the whole run: while it lives, so does its event loop, and tests elsewhere begin their own."""
    process = EspeakProcess()
    yield Speech(process)
    await process.close()


@pytest.fixture(scope="session")
def vad() -> Vad:
    """One that does not wait for others: tests hear faster than anybody speaks."""
    return Vad(apart=0)
