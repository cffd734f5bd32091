"""From settings to a speaker that really speaks, and settings that do not fit together."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

from server import cli
from server.settings import Settings
from server.voicing import VoicingError, speaking
from tests.redis_server import redis_server
from tests.serving import serving
from tests.speech_server import SpeechServerApp
from tests.tts.recordings import recorded
from tests.tts.speaking import SENTENCES, enter, heard, quick, spoken, text
from tts.registry import FileRegistry, RegistryError
from tts.voice import VoiceError

pytestmark = pytest.mark.anyio

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test keeps a voice among the user's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def redis_url() -> Iterator[str]:
    with redis_server(tcp=True) as server:
        yield server.url


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


# Settings


@pytest.mark.parametrize(
    ("given", "voice"),
    [
        *((given, "espeak") for given in ("espeak", "true", "True", "1", "ESPEAK")),
        *((given, "none") for given in ("none", "false", "0", "no")),
    ],
)
def test_a_voice_was_on_or_off_before(given: str, voice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLA_VOICE", given)
    assert Settings().voice == voice


def test_settings_with_parts(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("OLA_REMOTE_VOICE_NAMES", "nova, echo,")
    monkeypatch.setenv("OLA_REMOTE_VOICE_FIELDS", '{"instructions": "Softly."}')
    monkeypatch.setenv("OLA_REMOTE_VOICE_KEY", "secret")
    settings = Settings()
    assert settings.remote_voice_names == ("nova", "echo")
    assert settings.remote_voice_fields == {"instructions": "Softly."}
    assert settings.voices_folder == home / "data" / "ola" / "voices"
    assert "secret" not in repr(settings)
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    assert Settings().voices_folder == Path.home() / ".local" / "share" / "ola" / "voices"


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"OLA_VOICE": "remote"}, "OLA_VOICE=remote needs OLA_REMOTE_VOICE_URL"),
        ({"OLA_VOICE": "workers"}, "OLA_VOICE=workers needs OLA_REDIS_URL"),
        ({"OLA_VOICE": "cosyvoice"}, "OLA_VOICE=cosyvoice needs OLA_COSYVOICE_MODEL"),
        ({"OLA_VOICE": "loud"}, "OLA_VOICE: Input should be"),
        ({"OLA_REMOTE_VOICE_FIELDS": "{"}, "OLA_REMOTE_VOICE_FIELDS: "),
        ({"OLA_REMOTE_VOICE_FIELDS": "[]"}, "OLA_REMOTE_VOICE_FIELDS: "),
        ({"OLA_VOICE_SLOTS": "0"}, "OLA_VOICE_SLOTS: "),
        (
            {"OLA_VOICE": "remote", "OLA_REMOTE_VOICE_URL": "http://host", "OLA_REMOTE_VOICE_NAMES": ""},
            "OLA_VOICE=remote needs OLA_REMOTE_VOICE_NAMES",
        ),
    ],
)
def test_settings_that_do_not_fit_end_the_start_with_a_line(
    variables: dict[str, str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve"])
    assert str(ended.value.code).startswith(f"ola serve: {line}")
    with pytest.raises(ValidationError):
        Settings()


# Speakers


async def test_no_voice() -> None:
    async with speaking(Settings(voice="none")) as speaker:
        assert speaker is None


async def test_espeak_with_voices_in_a_folder(home: Path) -> None:
    await FileRegistry(home / "voices").add(recorded())
    async with speaking(Settings(voices_folder=home / "voices")) as speaker:
        assert speaker is not None
        assert len(await heard(speaker.say(text(SENTENCES[0]), "alloy"))) > 24_000
        names = await speaker.names()
    assert names[0] == "default"
    assert names[-1] == "anna"
    with pytest.raises(VoiceError, match="closed"):
        await speaker.start()


async def test_voices_in_redis(redis_url: str) -> None:
    settings = Settings(redis_url=redis_url)
    app = SpeechServerApp(script := quick())
    async with serving(app) as url:
        remote = Settings(voice="remote", remote_voice_url=url, remote_voice_imitates=True, redis_url=redis_url)
        async with speaking(remote) as speaker:
            assert speaker is not None
            await speaker.add(recorded())
            assert await heard(speaker.say(text(SENTENCES[0]), "anna")) == spoken(script, SENTENCES[0])
    async with speaking(settings) as another:
        assert another is not None
        assert (await another.names())[-1] == "anna"


async def test_a_remote_voice() -> None:
    app = SpeechServerApp(script := quick(), key="secret")
    async with serving(app) as url:
        settings = Settings.model_validate(
            {
                "voice": "remote",
                "remote_voice_url": f"{url}/v1",
                "remote_voice_model": "cosy",
                "remote_voice_names": "nova,anna",
                "remote_voice_key": "secret",
                "remote_voice_fields": '{"instructions": "Softly."}',
            }
        )
        async with speaking(settings) as speaker:
            assert speaker is not None
            for name in ("default", "nova", "anna", "alloy"):
                assert await heard(speaker.say(text(SENTENCES[0]), name)) == spoken(script, SENTENCES[0])
    assert [asked["voice"] for asked in app.asked] == ["nova", "nova", "anna", "nova"]
    assert {(asked["model"], asked["instructions"]) for asked in app.asked} == {("cosy", "Softly.")}


async def test_a_remote_server_that_only_imitates_gets_its_default_voice_by_lending(home: Path) -> None:
    app = SpeechServerApp(quick())
    async with serving(app) as url:
        given: dict[str, Any] = {"remote_voice_names": "", "remote_voice_imitates": True, "remote_voice_url": url}
        async with speaking(Settings(voice="remote", voices_folder=home, **given)) as speaker:
            assert speaker is not None
            assert await speaker.names() == []
            await speaker.add(recorded("default"))
            assert await heard(speaker.say(text(SENTENCES[0]), "default"))


async def test_what_is_not_there_is_known_at_the_start() -> None:
    for names in ("nova", ""):
        given: dict[str, Any] = {"remote_voice_names": names, "remote_voice_imitates": True}
        with pytest.raises(VoiceError, match="does not answer"), anyio.fail_after(30):
            await enter(speaking(Settings(voice="remote", remote_voice_url=f"http://{nobody()}", **given)))
    with pytest.raises(RegistryError, match="cannot be read"), anyio.fail_after(30):
        await enter(speaking(Settings(redis_url=f"redis://{nobody()}")))


@pytest.mark.parametrize(
    "settings",
    [
        {"redis_url": "http://host"},
        {"voice": "remote", "remote_voice_url": "host"},
        {"voice": "remote", "remote_voice_url": "http://host", "remote_voice_fields": {"input": "x"}},
    ],
)
async def test_addresses_that_are_none(settings: dict[str, Any]) -> None:
    with pytest.raises(VoicingError):
        await enter(speaking(Settings(**settings)))
