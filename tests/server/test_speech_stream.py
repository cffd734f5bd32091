"""WebSocket /v1/audio/speech/stream with a stock client: text in, speech out, cancelled, refused, idle, not read."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import websockets
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from server.audio.speech import MAX_CHARACTERS
from server.audio.speech_session import SpeechSession
from server.audio.speech_stream import add_speech_stream
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.served import STOP_SECONDS, Served, quick_voice, served, spoken_bytes
from tests.server.test_busy import LIMITS, make_slow
from tests.server.test_spoken_stream import decoded_seconds
from tests.serving import serving
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

Event = dict[str, Any]


class Client:
    """Says and hears events."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def hear(self, *kinds: str) -> list[Event]:
        """Events up to the first of one of these kinds."""
        events: list[Event] = []
        with anyio.fail_after(5):
            while not events or events[-1]["type"] not in kinds:
                events.append(json.loads(await self.connection.recv()))
        return events


@asynccontextmanager
async def talking(server: Served) -> AsyncGenerator[Client, None]:
    url = str(server.http.base_url).replace("http", "ws")
    async with connect(f"{url}/v1/audio/speech/stream", max_queue=1) as connection:
        client = Client(connection)
        (created,) = await client.hear("session.created")
        assert created["session"]["sample_rate"] == WIRE_RATE
        yield client


def sound_of(events: list[Event]) -> bytes:
    return b"".join(base64.b64decode(event["audio"]) for event in events if event["type"] == "speech.audio.delta")


def error_of(events: list[Event]) -> tuple[str | None, str | None]:
    error = events[-1]["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error["code"], error["param"]


async def test_text_becomes_speech_with_the_times_of_its_units() -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(), voice) as server, talking(server) as client:
        for word in ("The", "first", "sentence", "is", "here.", "The", "second", "one", "follows.", ""):
            await client.say("input_text.append", text=word + " ")
        await client.say("input_text.flush")
        events = await client.hear("speech.audio.done")
    sound = sound_of(events)
    assert len(sound) == spoken_bytes(voice)
    assert len({event["speech_id"] for event in events}) == 1
    begun = [event for event in events if event["type"] == "speech.unit.started"]
    ended = [event for event in events if event["type"] == "speech.unit.done"]
    assert [event["text"] for event in begun] == voice.said
    assert len(begun) == len(ended) > 1
    for one, other in zip(begun, ended, strict=True):
        assert other["at"] - one["at"] == pytest.approx(voice.seconds(one["text"]) * WIRE_RATE, abs=1)
    assert ended[-1]["at"] == len(sound) / 2
    assert events[-1]["usage"]["input_tokens"] == len("The first sentence is here. The second one follows.  ")


async def test_speech_begins_while_the_text_is_still_written() -> None:
    async with served(ScriptedEngine(), quick_voice()) as server, talking(server) as client:
        await client.say("input_text.append", text="The first sentence is here. And")
        await client.hear("speech.audio.delta")
        await client.say("input_text.append", text=" the second.")
        await client.say("input_text.flush")
        events = await client.hear("speech.audio.done")
        assert [event["text"] for event in events if event["type"] == "speech.unit.started"] == ["And the second."]


async def test_speeches_follow_each_other_each_in_its_manner() -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(), voice) as server, talking(server) as client:
        await client.say("input_text.append", text="One is said like this.")
        await client.say("input_text.flush")
        await client.say("session.update", session={"speed": 2, "response_format": "mp3", "language": "en"})
        await client.say("input_text.append", text="Two is said like that.")
        await client.say("input_text.flush")
        first = await client.hear("speech.audio.done")
        second = await client.hear("speech.audio.done")
    (updated,) = [event["session"] for event in first + second if event["type"] == "session.updated"]
    assert (updated["speed"], updated["response_format"], updated["voice"]) == (2.0, "mp3", "default")
    assert (voice.speeds, voice.langs) == ([1.0, 2.0], [None, "en"])
    assert len(sound_of(first)) == spoken_bytes(voice, voice.said[:1])
    assert decoded_seconds(sound_of(second)) == pytest.approx(voice.seconds(voice.said[1]), abs=0.15)
    assert first[-1]["speech_id"] != second[-1]["speech_id"]


async def test_cancelling_stops_at_once_and_the_connection_speaks_again() -> None:
    voice = quick_voice(gate=anyio.Event(), gate_after=2)
    async with served(ScriptedEngine(), voice) as server, talking(server) as client:
        for text in ("A sentence that is being said.", "And one that waits."):
            await client.say("input_text.append", text=text)
            await client.say("input_text.flush")
        await client.say("input_text.append", text="This one still grows")
        said = (await client.hear("speech.audio.delta"))[-1]["speech_id"]
        await client.say("input_text.cancel")
        cancelled = (await client.hear("input_text.cancelled"))[-1]["speech_ids"]
        assert (len(cancelled), cancelled[0]) == (3, said)
        assert await server.idle_after() < STOP_SECONDS
        voice._gate = None
        await client.say("input_text.append", text="Now this.")
        await client.say("input_text.flush")
        events = await client.hear("speech.audio.done")
        assert {event.get("speech_id") for event in events}.isdisjoint(cancelled)
        assert len(sound_of(events)) == spoken_bytes(voice, ["Now this."])
        await client.say("input_text.cancel")
        assert (await client.hear("input_text.cancelled")) == [{"type": "input_text.cancelled", "speech_ids": []}]


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("{", None, None),
        ("[]", None, None),
        ('{"type": "input_text.say"}', None, None),
        ('{"type": "input_text.append"}', None, "text"),
        ('{"type": "input_text.append", "text": 3}', None, "text"),
        ('{"type": "input_text.flush", "now": true}', None, "now"),
        ('{"type": "input_text.flush"}', "no_text", None),
        ('{"type": "session.update", "session": {"speed": 9}}', None, "session.speed"),
        ('{"type": "session.update", "session": {"pitch": 9}}', None, "session.pitch"),
        (b"\x00", "invalid_json", None),
        (json.dumps({"type": "input_text.append", "text": "x" * (MAX_CHARACTERS + 1)}), "too_much_text", "text"),
    ],
)
async def test_errors_do_not_end_the_session(message: str | bytes, code: str | None, param: str | None) -> None:
    async with served(ScriptedEngine(), quick_voice()) as server, talking(server) as client:
        await client.connection.send(message)
        assert error_of(await client.hear("error")) == (code, param)
        await client.say("input_text.flush", event_id="mine")
        assert (await client.hear("error"))[-1]["event_id"] == "mine"
        await client.say("input_text.append", text="Still here.")
        await client.say("input_text.flush")
        assert sound_of(await client.hear("speech.audio.done"))


async def test_a_speech_that_cannot_be_said_ends_with_an_error() -> None:
    voice = quick_voice(fail_on="second")
    async with served(ScriptedEngine(), voice) as server, talking(server) as client:
        await client.say("session.update", session={"voice": "bob"})
        await client.say("input_text.append", text="One. ")
        assert error_of(await client.hear("error")) == ("unknown_voice", "voice")
        await client.say("input_text.append", text="This belongs to it. ")
        await client.say("input_text.flush")
        await client.say("session.update", session={"voice": "alloy", "instructions": "Sing."})
        await client.say("input_text.append", text="Two. ")
        assert error_of(await client.hear("error")) == ("instructions_unsupported", "instructions")
        await client.say("input_text.cancel")
        await client.say("session.update", session={"instructions": ""})
        await client.say("input_text.append", text="The first one is said. The second one is not. The third one is.")
        await client.say("input_text.flush")
        events = await client.hear("error", "speech.audio.done")
        assert error_of(events) == ("voice_failed", None)
        assert events[-1]["speech_id"] == events[-2]["speech_id"]
        assert len(sound_of(events)) > 0
        assert not any("belongs" in said for said in voice.said)


async def test_a_busy_voice_refuses_a_speech() -> None:
    gate = anyio.Event()
    async with served(ScriptedEngine(), quick_voice(gate=gate), limits=LIMITS) as server:
        make_slow(server)
        async with talking(server) as first, talking(server) as second:
            await first.say("input_text.append", text="The first speech is here. ")
            await first.say("input_text.flush")
            await first.hear("speech.unit.started")
            await second.say("input_text.append", text="The second speech is here. ")
            assert error_of(await second.hear("error")) == ("voice_busy", None)
            gate.set()
            assert sound_of(await first.hear("speech.audio.done"))


async def test_leaving_stops_the_voice() -> None:
    voice = quick_voice(gate=anyio.Event(), gate_after=1)
    async with served(ScriptedEngine(), voice) as server:
        async with talking(server) as client:
            await client.say("input_text.append", text="This will not be heard to its end. ")
            await client.hear("speech.audio.delta")
        assert await server.idle_after() < STOP_SECONDS
    assert voice.stopped == 1


async def test_who_does_not_read_stops_the_voice_and_is_still_heard() -> None:
    """Sound is not made ahead without end; text is still taken, up to a bound, and a cancel is obeyed at once."""
    voice = ScriptedVoice(seconds_per_char=0.1, chunk_seconds=0.5)
    async with served(ScriptedEngine(), voice) as server, talking(server) as client:
        for number in range(300):
            await client.say("input_text.append", text=f"This is sentence number {number}. ")
        said = -1
        with anyio.fail_after(5):
            while said != len(voice.said):  # until back-pressure reaches the voice
                said = len(voice.said)
                await anyio.sleep(0.1)
        assert 0 < sum(map(voice.seconds, voice.said)) < 400  # of 850
        await client.say("input_text.cancel")
        assert await server.idle_after() < STOP_SECONDS
        await client.hear("input_text.cancelled")


@asynccontextmanager
async def impatient(voice: ScriptedVoice, idle_seconds: float) -> AsyncGenerator[tuple[Served, Client], None]:
    """A client of a server that soon takes it to be idle."""
    async with served(ScriptedEngine(), voice) as server:
        app = FastAPI()
        add_speech_stream(app, server.app.state.parts, idle_seconds=idle_seconds)
        async with serving(app) as url, connect(f"{url.replace('http', 'ws')}/v1/audio/speech/stream") as connection:
            yield server, Client(connection)


async def test_an_idle_connection_is_closed() -> None:
    async with impatient(quick_voice(), 0.2) as (server, client):
        await client.say("input_text.append", text="This is said, and then nothing more comes. ")
        events = await client.hear("error")
        assert sound_of(events)
        assert error_of(events) == ("idle_timeout", None)
        with pytest.raises(websockets.ConnectionClosedOK):
            await client.connection.recv()
        assert await server.idle_after() < STOP_SECONDS


async def test_a_connection_is_not_idle_while_its_last_words_are_said() -> None:
    voice = ScriptedVoice(seconds_per_char=0.05, chunk_seconds=0.05, rtf=1.0)
    async with impatient(voice, 0.3) as (_, client):
        await client.say("input_text.append", text="This takes much longer.")
        await client.say("input_text.flush")
        assert sound_of(await client.hear("speech.audio.done"))
        assert error_of(await client.hear("error")) == ("idle_timeout", None)


async def test_without_a_voice_the_handshake_is_refused() -> None:
    async with served(ScriptedEngine()) as server:
        url = str(server.http.base_url).replace("http", "ws")
        with pytest.raises(websockets.InvalidStatus) as refused:
            await connect(f"{url}/v1/audio/speech/stream")
    response = refused.value.response
    assert response.status_code == 400
    assert response.body is not None
    assert json.loads(response.body)["error"]["code"] == "no_voice"


def test_a_session_bounds_what_waits() -> None:
    session = SpeechSession()
    with pytest.raises(Exception, match="64 speeches"):  # noqa: PT012
        for _ in range(100):
            session.append("a")
            session.flush()
    assert len(session.cancel()) == 64
    session.append("x" * MAX_CHARACTERS)
    with pytest.raises(Exception, match="characters wait"):
        session.append("x")
