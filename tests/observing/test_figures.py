"""The gateway's figures after real requests over scripted parts, and the headers and log lines of the same requests."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from pathlib import Path

import anyio
import pytest

from server.metrics import Metrics
from server.narrator import Narrator
from tests.observing.exposed import value
from tests.scripted_engine import ScriptedEngine
from tests.server.realtime.driver import driven, wave
from tests.server.realtime.test_conversing import WORDS, voice
from tests.server.realtime.test_route import opened
from tests.server.served import ASK, SPOKEN, quick_voice, served
from tests.tts.recordings import ScriptedImitator, recorded
from tts.logs import JsonLines
from tts.registry import FileRegistry
from tts.speaker import Speaker

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
SENTENCES = "One sentence is here. Another one is there."
SECRET = "xylophone"


async def test_a_spoken_answer_tells_every_phase() -> None:
    engine = ScriptedEngine([SENTENCES])
    async with served(engine, quick_voice()) as server:
        response = await server.http.post(CHAT, json=SPOKEN | {"stream": True})
        metrics = (await server.http.get("/metrics")).text
    units = len(server.voice.said) if server.voice else 0
    for name in ("ola_first_event_seconds_count", "ola_first_sound_seconds_count"):
        assert value(metrics, name, route=CHAT) == 1
    assert value(metrics, "ola_first_sentence_seconds_count") == 1
    for name in ("queue_wait_seconds", "first_chunk_seconds", "real_time_factor"):
        assert value(metrics, f"ola_tts_{name}_count", voice="default") == units
    assert value(metrics, "ola_tts_units_total", voice="default", end="spoken") == units
    assert value(metrics, "ola_tts_units_open", state="waiting") == 0
    assert value(metrics, "ola_tts_units_open", state="speaking") == 0
    assert value(metrics, "ola_spoken_answers_total") == 1
    phases = [part.split(";")[0] for part in response.headers["server-timing"].split(", ")]
    assert phases == ["admission", "read", "voice", "decode", "first_token", "total"]


async def test_an_answer_that_is_sent_whole_has_no_gaps_and_says_what_took_how_long() -> None:
    async with served(ScriptedEngine([SENTENCES]), quick_voice(rtf=2.0)) as server:
        response = await server.http.post(CHAT, json=SPOKEN)
        metrics = (await server.http.get("/metrics")).text
    assert value(metrics, "ola_spoken_seconds_total") > 0
    assert value(metrics, "ola_spoken_answers_total") == 0
    assert value(metrics, "ola_underrun_seconds_total") == 0
    assert "speech;dur=" in response.headers["server-timing"]


async def test_speech_says_when_its_first_sound_came() -> None:
    async with served(ScriptedEngine(), quick_voice()) as server:
        response = await server.http.post("/v1/audio/speech", json={"input": SENTENCES, "response_format": "pcm"})
        metrics = (await server.http.get("/metrics")).text
    assert "first_sound;dur=" in response.headers["server-timing"]
    assert value(metrics, "ola_first_sound_seconds_count", route="/v1/audio/speech") == 1


async def test_what_a_client_leaves_is_counted_as_left() -> None:
    gate = anyio.Event()
    async with served(ScriptedEngine([SENTENCES]), quick_voice(gate=gate, gate_after=1)) as server:
        async with server.http.stream("POST", CHAT, json=SPOKEN | {"stream": True}) as response:
            async for line in response.aiter_lines():
                if '"data"' in line:
                    break
            metrics = (await server.http.get("/metrics")).text
            assert value(metrics, "ola_tts_units_open", state="speaking") >= 1
        await server.idle_after()
        metrics = (await server.http.get("/metrics")).text
    assert value(metrics, "ola_tts_units_total", end="left") >= 1
    assert value(metrics, "ola_tts_units_open", state="speaking") == 0


async def test_a_voice_that_fails_is_counted_by_its_units() -> None:
    async with served(ScriptedEngine([SENTENCES]), quick_voice(fail_on="Another")) as server:
        await server.http.post(CHAT, json=SPOKEN | {"stream": True})
        metrics = (await server.http.get("/metrics")).text
    assert value(metrics, "ola_tts_units_total", voice="default", end="failed") == 1
    assert value(metrics, "ola_voice_failures_total") == 1


async def test_an_interruption_is_timed_and_responses_are_counted_by_their_end() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.speak(2.0, 0)
        await client.speak(1.0)
        registry = client.shared.parts.metrics.registry
        assert registry.get_sample_value("ola_barge_in_stop_seconds_count") == 1
        assert registry.get_sample_value("ola_barge_in_stop_seconds_sum") == 0  # in the very moment: nobody waits
        assert registry.get_sample_value("ola_realtime_responses_total", {"status": "cancelled"}) == 1
        assert registry.get_sample_value("ola_first_sound_seconds_count", {"route": "/v1/realtime"}) == 1


async def test_sessions_are_counted_while_they_are_open_and_while_they_wait() -> None:
    async with served(ScriptedEngine(), quick_voice()) as server:
        async with opened(server) as (caller, session):
            metrics = (await server.http.get("/metrics")).text
            assert value(metrics, "ola_sessions_open", route="/v1/realtime") == 1
            await caller.write("Hello")
            await caller.hear("conversation.item.done")
        metrics = (await server.http.get("/metrics")).text
        while not value(metrics, "ola_sessions_waiting"):  # the end of a connection is noticed by nobody outside
            metrics = (await server.http.get("/metrics")).text
        assert value(metrics, "ola_sessions_open", route="/v1/realtime") == 0
        async with opened(server) as (caller, _):
            await caller.say("session.resume", session_id=session["id"])
            await caller.hear("session.resumed")
            metrics = (await server.http.get("/metrics")).text
    assert value(metrics, "ola_sessions_resumed_total") == 1
    assert value(metrics, "ola_sessions_waiting") == 0
    assert value(metrics, "ola_sessions_total", route="/v1/realtime") == 2


async def test_attachments_are_counted_by_kind() -> None:
    sound = b64encode(wave(0.5)).decode()
    part = {"type": "input_audio", "input_audio": {"data": sound, "format": "pcm16"}}
    async with served(ScriptedEngine()) as server:
        asked = ASK | {"messages": [{"role": "user", "content": [part, {"type": "text", "text": "Well?"}]}]}
        response = await server.http.post(CHAT, json=asked)
        assert response.status_code == 200, response.text
        metrics = (await server.http.get("/metrics")).text
    assert value(metrics, "ola_media_bytes_total", kind="sound") == len(wave(0.5))
    assert value(metrics, "ola_media_decode_seconds_count", kind="sound") == 1
    assert "decode;dur=" in response.headers["server-timing"]


async def test_one_line_for_each_request_and_nothing_of_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asked = SPOKEN | {"stream": True, "messages": [{"role": "user", "content": f"Say {SECRET}."}]}
    headers = {"x-request-id": "me-1", "authorization": f"Bearer sk-{SECRET}"}
    async with served(ScriptedEngine([f"The {SECRET}."]), quick_voice(fail_on="The")) as server:
        await server.http.post(CHAT, json=asked, headers=headers)
        await server.http.post(CHAT, json={"modalities": SECRET, "messages": SECRET}, headers=headers)
        await server.http.get("/health")
    lines = [
        JsonLines().format(record) for record in caplog.records if record.name.startswith(("ola", "server", "tts"))
    ]
    assert SECRET not in "".join(lines)
    told = [json.loads(line) for line in lines]
    ended = [line for line in told if line["logger"] == "ola.ended"]
    assert [(line["request_id"], line["route"], line["status"]) for line in ended] == [
        ("me-1", CHAT, 200),
        ("me-1", CHAT, 400),
    ]
    assert ended[0]["phases"].keys() == {"admission", "read", "voice", "decode", "first_token"}
    assert ended[0]["seconds"] >= sum(ended[0]["phases"].values()) - 0.001
    assert re.fullmatch(rf"POST {CHAT} 200 in \d+\.\d{{3}} s \(me-1\)", ended[0]["message"])
    assert "The voice could not speak" in str(told)  # something did go wrong, with a traceback
    assert "exception" in str(told)


async def test_one_line_for_each_session_and_none_of_its_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with served(ScriptedEngine([SECRET]), quick_voice()) as server:
        async with opened(server) as (caller, _):
            await caller.ask(SECRET)
            await caller.hear("response.done")
        await server.http.post(CHAT, json=ASK)
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "ola.ended"]
    assert sorted((line["method"], line["route"], line["status"]) for line in lines) == [
        ("POST", CHAT, 200),
        ("WEBSOCKET", "/v1/realtime", 101),
    ]
    assert SECRET not in str(lines)


async def test_users_voices_are_one_voice_in_the_figures(tmp_path: Path) -> None:
    metrics = Metrics()
    speaking = Speaker([], {}, registry=FileRegistry(tmp_path), imitators=[ScriptedImitator()])
    for name in ("anna", "bert"):
        await speaking.add(recorded(name))
        async with speaking.admit(name) as place:
            await Narrator(place, "pcm16", metrics).record("Hello there.")
    await speaking.close()
    sample = metrics.registry.get_sample_value
    assert sample("ola_tts_units_total", {"voice": "recorded", "end": "spoken"}) == 2
    assert sample("ola_tts_units_total", {"voice": "anna", "end": "spoken"}) is None
