"""Health, readiness, figures, documentation, settings, and what is closed at the end."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from server.settings import Settings
from server.voicing import speech_limits
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, quick_voice, served, spoken_bytes
from tts.speaker import Limits
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio


async def test_health_and_readiness() -> None:
    engine, voice = ScriptedEngine(), quick_voice()
    async with served(engine, voice) as server:
        assert (await server.http.get("/health")).json() == {"status": "ok"}
        assert voice.said == []
        assert (await server.http.get("/ready")).json() == {"status": "ready"}
        assert len(voice.said) == 1
        assert voice.active == 0


async def test_many_who_ask_hear_one_word() -> None:
    voice = quick_voice(delay=0.05)
    async with served(ScriptedEngine(), voice) as server:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(server.http.get, "/ready")
        assert len(voice.said) == 1


async def test_a_server_without_a_voice_is_ready() -> None:
    async with served(ScriptedEngine()) as server:
        assert (await server.http.get("/ready")).status_code == 200


async def test_a_dead_engine_is_neither_healthy_nor_ready() -> None:
    engine = ScriptedEngine()
    engine.alive = False
    async with served(engine) as server:
        for path in ("/health", "/ready"):
            response = await server.http.get(path)
            assert response.status_code == 503
            assert response.json()["error"]["message"] == "The engine is dead."


async def test_a_voice_that_fails_is_not_ready() -> None:
    async with served(ScriptedEngine(), quick_voice(fail_on="")) as server:
        assert (await server.http.get("/health")).status_code == 200
        response = await server.http.get("/ready")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "voice_failed"


async def test_a_voice_that_is_stuck_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.health._VOICE_SECONDS", 0.05)
    voice = quick_voice(gate=anyio.Event())
    async with served(ScriptedEngine(), voice) as server:
        assert (await server.http.get("/ready")).status_code == 503
        assert voice.active == 0


async def test_the_figures() -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(["One is here."]), voice) as server:
        await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": True})
        await server.http.post("/v1/chat/completions", json=ASK)
        await server.http.post("/v1/chat/completions", json={})
        await server.http.get("/nowhere")
        response = await server.http.get("/metrics")
    lines = response.text.splitlines()
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'ola_requests_total{route="/v1/chat/completions",status="200"} 2.0' in lines
    assert 'ola_requests_total{route="/v1/chat/completions",status="400"} 1.0' in lines
    assert 'ola_requests_total{route="unknown",status="404"} 1.0' in lines
    assert "ola_requests_open 1.0" in lines  # this very request
    assert 'ola_first_sound_seconds_count{route="/v1/chat/completions"} 1.0' in lines
    (spoken,) = (float(line.split()[1]) for line in lines if line.startswith("ola_spoken_seconds_total"))
    assert spoken == pytest.approx(spoken_bytes(voice) / 2 / WIRE_RATE)
    assert any(line.startswith("python_info") for line in lines)  # the default registry, where vLLM keeps its figures


async def test_two_apps_count_apart() -> None:
    async with served(ScriptedEngine()) as one, served(ScriptedEngine()) as two:
        await one.http.post("/v1/chat/completions", json=ASK)
        assert "ola_requests_total{" not in (await two.http.get("/metrics")).text


async def test_the_voice_is_closed_with_the_app_and_the_engine_is_not() -> None:
    engine, voice = ScriptedEngine(), quick_voice()
    async with served(engine, voice):
        assert not voice.closed
    assert voice.closed


async def test_the_documentation_lists_what_is_served() -> None:
    async with served(ScriptedEngine()) as server:
        paths = (await server.http.get("/openapi.json")).json()["paths"].keys()
        assert (await server.http.get("/docs")).status_code == 200
    assert paths == {
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/models",
        "/v1/models/{model_id}",
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/audio/voices",
        "/v1/audio/voices/{name}",
        "/v1/realtime/client_secrets",
        "/health",
        "/ready",
        "/metrics",
    }


def test_every_setting_has_a_reason_and_there_are_few() -> None:
    fields: dict[str, Any] = Settings.model_fields
    assert len([field for field in fields.values() if field.validation_alias is None]) < 30
    assert all(field.description for field in fields.values())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLA_PORT", "9000")
    monkeypatch.setenv("OLA_VOICE", "false")
    settings = Settings()
    assert (settings.port, settings.voice) == (9000, "none")


def test_the_settings_of_speech_reach_the_speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLA_MAX_FIRST_SOUND_SECONDS", "1")
    monkeypatch.setenv("OLA_LOOK_AHEAD_SECONDS", "2")
    monkeypatch.setenv("OLA_VOICE_PATIENCE_SECONDS", "4")
    assert speech_limits(Settings()) == Limits(first_sound=1, look_ahead=2, patience=4)
    monkeypatch.undo()
    assert speech_limits(Settings()) == Limits()
