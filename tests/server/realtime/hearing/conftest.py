"""Real speech for the ear: espeak, and the one voice activity model."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.realtime.hearing.vad import Vad
from tests.server.realtime.hearing.speech import Speech
from tts.voices.espeak_process import EspeakProcess


@pytest.fixture(scope="session")
async def speech() -> AsyncIterator[Speech]:
    process = EspeakProcess()
    yield Speech(process)
    await process.close()


@pytest.fixture(scope="session")
def vad() -> Vad:
    return Vad()
