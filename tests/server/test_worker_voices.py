"""Voices of workers through the settings: over Redis with real processes, who may come later than the server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from server.settings import Settings
from server.voicing import VoicingError, speaking
from tests.redis_server import redis_server
from tests.tts.cosyvoice.tiny import SPEAKERS, build, installed_code, recording
from tests.tts.recordings import recorded
from tests.tts.speaking import SENTENCES, enter, heard, text
from tts.speaker import Speaker
from tts.voice import UnknownVoiceError, VoiceError
from tts.voices.espeak import OPENAI_ALIASES

pytestmark = pytest.mark.anyio


@pytest.fixture
def redis_url() -> Iterator[str]:
    with redis_server(tcp=True) as server:
        yield server.url


async def until_there(speaker: Speaker, name: str) -> None:
    # Polled: a speaker tells nobody who joins it.
    while name not in await speaker.names():  # noqa: ASYNC110
        await anyio.sleep(0.05)


async def test_workers_may_come_later(redis_url: str) -> None:
    async with speaking(Settings(voice="workers", redis_url=redis_url)) as speaker:
        assert speaker is not None
        assert await speaker.names() == []
        with pytest.raises(UnknownVoiceError):
            await enter(speaker.admit("default"))
        command = [sys.executable, "-m", "server.cli", "tts-worker", "--redis", redis_url]
        async with await anyio.open_process(command, stderr=None) as worker:
            with anyio.fail_after(60):
                await until_there(speaker, "espeak-f1")
                assert len(await heard(speaker.say(text(SENTENCES[0]), "alloy"))) > 24_000
                assert len(await heard(speaker.say(text(SENTENCES[0]), "default"))) > 24_000
            offered = {voice.name: voice.kind for voice in await speaker.offered()}
            assert (offered["default"], offered["alloy"]) == ("built-in", "alias")
            worker.terminate()


async def test_a_failure_inside_comes_out_as_it_is(redis_url: str) -> None:
    async def fail() -> None:
        async with speaking(Settings(voice="workers", redis_url=redis_url)):
            raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await fail()


async def test_a_server_speaks_with_cosyvoice_in_a_child_of_its_own(tmp_path: Path) -> None:
    """CosyVoice's own code with a tiny model: a speaker that it knows, and one that it imitates."""
    folder = tmp_path / "tiny"
    build(2, folder, installed_code())
    settings = Settings(
        voice="cosyvoice",
        cosyvoice_model=str(folder),
        cosyvoice_home=installed_code(),
        voices_folder=tmp_path / "voices",
    )
    async with speaking(settings) as speaker:
        assert speaker is not None
        await speaker.add(recorded("ada", "Hello there.", recording(3.48)))
        assert await speaker.names() == [*SPEAKERS, "default", *OPENAI_ALIASES, "ada"]
        sounds = [await heard(speaker.say(text("How are you today?"), name)) for name in (SPEAKERS[0], "ada", "alloy")]
        assert all(len(sound) > 24_000 for sound in sounds)
        assert sounds[0] != sounds[1]


async def test_cosyvoice_without_its_model_is_a_clear_error(tmp_path: Path) -> None:
    settings = Settings(voice="cosyvoice", cosyvoice_model=str(tmp_path), voices_folder=tmp_path)
    with pytest.raises((VoiceError, VoicingError)):
        await enter(speaking(settings))
