"""Voices of a speech server, over real HTTP."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest

from tests.scripted_voice import ScriptedVoice
from tests.serving import serving
from tests.speech_server import SpeechServerApp
from tests.tts.recordings import recorded
from tests.tts.speaking import SENTENCES, all_of, quick, sound_of, spoken, text
from tts.events import Begun, Skipped
from tts.registry import FileRegistry
from tts.speaker import Limits, Speaker
from tts.voice import Voice, VoiceError
from tts.voices.espeak import EspeakVoice
from tts.voices.espeak_process import EspeakProcess
from tts.voices.remote import Address, RemoteImitator, RemoteVoice, SpeechServer

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def remote(
    app: SpeechServerApp, name: str = "default", suffix: str = "", **address: Any
) -> AsyncGenerator[RemoteVoice, None]:
    async with serving(app) as url:
        server = SpeechServer(Address(url + suffix, **address))
        try:
            with anyio.fail_after(30):
                yield RemoteVoice(name, server, {"voice": "nova"})
        finally:
            await server.close()


async def said(voice: Voice, words: str = SENTENCES[0], **manner: Any) -> bytes:
    async with aclosing(voice.synthesize(words, **manner)) as chunks:
        pcm = [chunk async for chunk in chunks]
    assert all(len(chunk) % 2 == 0 for chunk in pcm)
    return b"".join(pcm)


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_what_the_server_is_asked(suffix: str) -> None:
    app = SpeechServerApp(ScriptedVoice(), key="secret")
    fields = {"instructions": "Speak softly."}
    async with remote(app, suffix=suffix, model="cosy", key="secret", fields=fields) as voice:
        await voice.start()
        await said(voice)
        await said(voice, speed=1.5)
    common = {"input": SENTENCES[0], "response_format": "pcm", "model": "cosy", "voice": "nova"} | fields
    assert app.asked == [common | {"stream_format": "audio"}, common | {"speed": 1.5}]


async def test_instructions_are_the_listeners_unless_the_operator_has_his_own() -> None:
    app = SpeechServerApp(ScriptedVoice())
    async with remote(app) as voice:
        assert isinstance(voice, RemoteVoice)
        assert voice.follows_instructions
        await said(voice, instructions="Whisper.")
    assert app.asked[0]["instructions"] == "Whisper."
    async with remote(app, fields={"instructions": "Speak softly."}) as voice:
        assert isinstance(voice, RemoteVoice)
        assert not voice.follows_instructions


async def test_without_a_model_the_server_chooses() -> None:
    app = SpeechServerApp(ScriptedVoice())
    async with remote(app) as voice:
        await said(voice)
    assert "model" not in app.asked[0]


@pytest.mark.parametrize("piece", [1, 7, 4801, 1_000_000])
async def test_every_sample_arrives_whole(piece: int) -> None:
    script = ScriptedVoice(seconds_per_char=0.001)
    async with remote(SpeechServerApp(script, piece=piece)) as voice:
        assert await said(voice) == script.pcm(SENTENCES[0])


async def test_sound_arrives_while_it_is_made() -> None:
    gate = anyio.Event()
    script = ScriptedVoice(gate=gate, gate_after=1)
    async with (
        remote(SpeechServerApp(script, piece=100)) as voice,
        aclosing(voice.synthesize(SENTENCES[0])) as chunks,
    ):
        assert await anext(chunks)
        gate.set()
        assert len([chunk async for chunk in chunks]) > 1


async def test_espeak_as_a_server_sounds_as_it_does_at_home() -> None:
    process = EspeakProcess()
    espeak = EspeakVoice("default", process)
    try:
        async with remote(SpeechServerApp(espeak), sample_rate=espeak.sample_rate) as voice:
            await said(espeak)
            assert len(await said(voice)) == pytest.approx(len(await said(espeak)), rel=0.01)
            speaker = Speaker([voice], {})
            events = await all_of(speaker.say(text(" ".join(SENTENCES)), "default"))
    finally:
        await process.close()
    assert " ".join(event.text for event in events if isinstance(event, Begun)) == " ".join(SENTENCES)
    assert not any(isinstance(event, Skipped) for event in events)


async def test_connections_are_used_again() -> None:
    app = SpeechServerApp(quick())
    async with remote(app) as voice:
        for _ in range(3):
            await said(voice)
    assert len(app.clients) == 1


async def test_no_more_connections_than_slots() -> None:
    app = SpeechServerApp(script := quick(rtf=0.05))
    async with remote(app, slots=2) as voice, anyio.create_task_group() as group:
        for sentence in SENTENCES:
            group.start_soon(said, voice, sentence)
    assert (script.most_active, len(app.asked), len(app.clients)) == (2, 6, 2)


async def test_closing_stops_the_server_at_once() -> None:
    app = SpeechServerApp(script := ScriptedVoice(gate=anyio.Event(), gate_after=1), piece=100)
    async with remote(app) as voice:
        chunks = voice.synthesize(SENTENCES[0])
        await anext(chunks)
        assert script.active == 1
        with anyio.fail_after(1):
            await chunks.aclose()
            await app.left.wait()
            await script.until_idle()
    assert script.stopped == 1


async def test_cancelling_before_the_first_sound_stops_the_server() -> None:
    app = SpeechServerApp(script := ScriptedVoice(gate=anyio.Event()))
    async with remote(app) as voice:
        with anyio.move_on_after(0.2) as scope:
            await said(voice)
        assert scope.cancelled_caught
        with anyio.fail_after(1):
            await app.left.wait()
            await script.until_idle()


# Faults


@pytest.mark.parametrize(
    ("refusal", "shown"),
    [
        ((400, "application/json", '{"error": {"message": "no such voice"}}'), "status 400.*no such voice"),
        ((404, "text/plain", ""), "status 404"),
        ((500, "text/html", "x" * 100_000), r"status 500: x{200}$"),
        ((302, "text/plain", "elsewhere"), "status 302"),
        ((200, "application/json", '{"error": "out of memory"}'), "application/json instead of samples.*out of memory"),
        ((200, "text/event-stream", "data: {}"), "event-stream instead of samples"),
        ((200, "audio/pcm", ""), "no sound"),
        ((200, "audio/pcm", "xyz"), "inside a sample"),
    ],
)
async def test_refusals_are_errors_with_their_reason(refusal: tuple[int, str, str], shown: str) -> None:
    app = SpeechServerApp(script := quick())
    async with remote(app) as voice:
        app.refuse = refusal
        with pytest.raises(VoiceError, match=shown):
            await said(voice)
        app.refuse = None
        assert await said(voice) == script.pcm(SENTENCES[0])


async def test_nothing_to_say_is_not_asked() -> None:
    app = SpeechServerApp(quick())
    async with remote(app) as voice:
        assert await said(voice, " \n") == b""
    assert not app.asked


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_start_tells_that_the_key_is_refused(key: str | None) -> None:
    async with remote(SpeechServerApp(quick(), key="secret"), key=key) as voice:
        with pytest.raises(VoiceError, match=r"status 401.*no such key"):
            await voice.start()


async def test_start_tells_that_the_server_is_not_well_and_takes_one_without_models() -> None:
    app = SpeechServerApp(quick())
    async with remote(app) as voice:
        app.refuse = (503, "text/plain", "loading")
        with pytest.raises(VoiceError, match="status 503: loading"):
            await voice.start()
        app.refuse = (404, "text/plain", "no such route")
        await voice.start()


async def test_nobody_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = SpeechServer(Address(f"http://127.0.0.1:{port}"))
    voice = RemoteVoice("default", server, {})
    with pytest.raises(VoiceError, match=rf"127.0.0.1:{port}/v1/models does not answer"):
        await voice.start()
    with pytest.raises(VoiceError, match="does not answer"):
        await said(voice)
    await server.close()


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://key@host", "http://host?x=1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Address(url)


def test_what_comes_back_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="response_format"):
        Address("http://host", fields={"response_format": "mp3"})


@pytest.mark.parametrize("after", [1, 9601])
async def test_a_server_that_dies_costs_no_sample(after: int) -> None:
    dying, good = SpeechServerApp(quick(slots=1)), SpeechServerApp(script := quick(slots=1))
    async with remote(dying, slots=1) as one, remote(good, slots=1) as other:
        dying.die_after = after
        events = await all_of(Speaker([one, other], {}).say(text(" ".join(SENTENCES)), "default"))
    shown = [event.text for event in events if isinstance(event, Begun)]
    assert sound_of(events) == spoken(script, *shown)
    assert not any(isinstance(event, Skipped) for event in events)
    assert [asked["input"] for asked in dying.asked] == SENTENCES[:1]  # it rests afterwards
    assert SENTENCES[0] in [asked["input"] for asked in good.asked]


async def test_a_server_that_hangs_costs_a_pause() -> None:
    hanging, good = SpeechServerApp(stuck := quick()), SpeechServerApp(script := quick())
    stuck.hangs = True
    async with remote(hanging, slots=1) as one, remote(good, slots=1) as other:
        speaker = Speaker([one, other], {}, Limits(patience=0.3))
        events = await all_of(speaker.say(text(SENTENCES[0]), "default"))
        await hanging.left.wait()
    assert sound_of(events) == script.pcm(SENTENCES[0])


# Imitation


async def test_a_server_imitates_a_recording(tmp_path: Any) -> None:
    app = SpeechServerApp(script := quick())
    async with remote(app) as voice:
        server = voice._server
        speaker = Speaker([voice], {}, registry=FileRegistry(tmp_path), imitators=[RemoteImitator(server)])
        await speaker.add(recorded(transcript="What I say.", recording=b"RIFF and so on"))
        events = await all_of(speaker.say(text(SENTENCES[0]), "anna"))
        await speaker.delete("anna")
    (asked,) = app.asked
    assert base64.b64decode(asked["ref_audio"].removeprefix("data:audio/wav;base64,")) == b"RIFF and so on"
    assert asked["ref_text"] == "What I say."
    assert "voice" not in asked
    assert sound_of(events) == script.pcm(SENTENCES[0])
