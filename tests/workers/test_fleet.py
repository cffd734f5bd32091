"""Workers that come, leave and are told to stop; what a gateway makes of it."""

from __future__ import annotations

import io
import signal
import wave
from contextlib import aclosing

import anyio
import anyio.to_thread
import httpx
import pytest

from tests.redis_server import RedisServer
from tests.scripted_voice import ScriptedVoice
from tests.tts.speaking import SENTENCES, all_of, text
from tests.workers.listening import SCRIPT, STORY, Listener, assert_whole, local_voice, speaking, until
from tests.workers.processes import figures, free_port, kill, worker
from tts.recorded import Recorded
from tts.voice import Voice, VoiceError
from tts.workers import keys
from tts.workers.figures import Figures
from tts.workers.redis_voices import redis_fleet
from tts.workers.redis_worker import RedisWorker
from tts.workers.repertoire import Repertoire

pytestmark = pytest.mark.anyio


async def said(voice: Voice, words: str, **manner: float) -> bytes:
    async with aclosing(voice.synthesize(words, **manner)) as chunks:  # type: ignore[arg-type]
        return b"".join([chunk async for chunk in chunks])


async def test_slots_follow_the_workers(redis_server: RedisServer) -> None:
    url = redis_server.url
    async with redis_fleet(url) as fleet:
        assert fleet.voices() == []
        async with worker(url, **SCRIPT):
            with anyio.fail_after(2):
                voice = await anext(fleet.joins())
            await until(lambda: voice.slots == 2)
            async with worker(url, **SCRIPT), worker(url, **SCRIPT) as dying:
                await until(lambda: voice.slots == 6)
                kill(dying.pid)
                assert await until(lambda: voice.slots == 4) < 1.5 + keys.GONE_SECONDS
            assert await until(lambda: voice.slots == 2) < 0.5  # it said that it leaves
            await voice.start()
        with pytest.raises(VoiceError, match="No worker is there for the voice 'default'"):
            await voice.start()


async def test_without_a_worker_a_unit_fails_at_once(redis_server: RedisServer) -> None:
    async with worker(redis_server.url, **SCRIPT) as process, speaking(redis_server.url) as (_, fleet):
        (voice,) = fleet.voices()
        process.send_signal(signal.SIGTERM)
        await anyio.to_thread.run_sync(process.wait)
        await anyio.sleep(0.1)
        begun = anyio.current_time()
        with pytest.raises(VoiceError, match="No worker is there"):
            await said(voice, "Hello.")
        assert anyio.current_time() - begun < 0.1
    assert not await redis_server.keys()


async def test_the_last_worker_dies_in_the_middle_of_a_unit(redis_server: RedisServer) -> None:
    async with worker(redis_server.url, **SCRIPT | {"rtf": 5.0}) as process, speaking(redis_server.url) as (_, fleet):
        (voice,) = fleet.voices()
        async with aclosing(voice.synthesize(STORY)) as chunks:
            await anext(chunks)
            kill(process.pid)
            with (
                anyio.fail_after(2 + keys.GONE_SECONDS),
                pytest.raises(VoiceError, match="No worker is there any more"),
            ):
                async for _ in chunks:
                    pass
        await redis_server.until_forgotten()


async def test_redis_that_is_not_there(redis_server: RedisServer) -> None:
    with pytest.raises(ValueError, match="scheme"):
        await redis_fleet("localhost:6379").__aenter__()


async def test_another_voice_joins(redis_server: RedisServer) -> None:
    url = redis_server.url
    async with worker(url, **SCRIPT), redis_fleet(url) as fleet, aclosing(fleet.joins()) as joins:
        assert (await anext(joins)).name == "default"
        async with worker(url, **SCRIPT | {"name": "anna", "seconds_per_char": 0.02}):
            with anyio.fail_after(3):
                anna = await anext(joins)
            assert anna.name == "anna"
            assert anna.languages == ("en", "zh")
            assert await said(anna, "Hello.") == ScriptedVoice(seconds_per_char=0.02).pcm("Hello.")
            assert await said(fleet.voices()[0], "Hello.") == local_voice().pcm("Hello.")


async def test_a_failing_voice_says_why(redis_server: RedisServer) -> None:
    script = SCRIPT | {"fail_on": "two"}
    async with worker(redis_server.url, **script), speaking(redis_server.url) as (_, fleet):
        with pytest.raises(VoiceError, match="scripted to fail on 'two'"):
            await said(fleet.voices()[0], "one two")
        await redis_server.until_forgotten()


async def test_asking_again_for_a_unit_makes_no_second_job(redis_server: RedisServer) -> None:
    """The client sends everything again whose answer was lost."""
    work, sound = keys.work("queue"), keys.sound("unit")
    command = "EVAL", keys.ASK, "2", work, sound, "job", "60"
    first = await redis_server.ask(*command)
    await redis_server.ask("XADD", sound, "*", "kind", "begun", "attempt", "1", "seq", "0", "data", "")
    assert await redis_server.ask(*command) == first
    assert [entry for entry, _ in await redis_server.ask("XRANGE", work, "-", "+")] == [first]
    assert await redis_server.ask("XLEN", sound) == 2
    assert 0 < await redis_server.ask("TTL", sound) <= 60


# Ending


async def test_a_worker_that_is_told_to_stop_finishes_what_it_has(redis_server: RedisServer) -> None:
    url, listener, slow = redis_server.url, Listener(), SCRIPT | {"rtf": 1.0}
    async with (
        worker(url, **slow) as one,
        worker(url, **slow) as two,
        speaking(url, patience=60.0) as (speaker, fleet),
        anyio.create_task_group() as group,
    ):
        (voice,) = fleet.voices()
        assert voice.slots == 4
        group.start_soon(listener.listen, speaker.say(text(STORY), "default"))
        begun = await redis_server.until_begun()
        leaving = one if begun == one.pid else two
        leaving.send_signal(signal.SIGTERM)
        await until(lambda: voice.slots == 2)
        assert await anyio.to_thread.run_sync(leaving.wait) == 0
        await listener.done.wait()
        await redis_server.until_forgotten()
        (work,) = await redis_server.ask("KEYS", "ola:tts:work:*")
        assert len(await redis_server.ask("XINFO", "CONSUMERS", work, keys.GROUP)) == 1
    assert_whole(listener.events)


@pytest.mark.parametrize("slots", [2, pytest.param(1, id="none free")])
async def test_what_it_cannot_finish_goes_to_others_at_once(redis_server: RedisServer, slots: int) -> None:
    url, listener, port = redis_server.url, Listener(), free_port()
    async with (
        worker(url, "--drain-seconds", "0.1", **SCRIPT | {"rtf": 30.0, "slots": slots}) as first,
        speaking(url, patience=60.0) as (speaker, _),
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.listen, speaker.say(text(SENTENCES[0]), "default"))
        await listener.until_heard(1)
        async with worker(url, "--port", str(port), **SCRIPT):
            first.send_signal(signal.SIGTERM)
            assert await anyio.to_thread.run_sync(first.wait) == 0
            with anyio.fail_after(keys.GONE_SECONDS - 0.5):
                await listener.done.wait()
            assert figures(port)["ola_worker_units_claimed_total"] == 1
    assert_whole(listener.events, SENTENCES[0])


async def test_health(redis_server: RedisServer) -> None:
    port = free_port()
    script = SCRIPT | {"rtf": 1.0}
    async with (
        worker(redis_server.url, "--port", str(port), **script) as process,
        speaking(redis_server.url) as (speaker, _),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        health = await http.get("/health")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        await all_of(speaker.say(text(SENTENCES[0]), "default"))
        counted = figures(port)
        assert counted["ola_worker_units_totalspoken"] == 1
        assert counted["ola_worker_slots"] == 2
        seconds = SCRIPT["seconds_per_char"] * len(SENTENCES[0])
        assert counted["ola_worker_sound_seconds_total"] == pytest.approx(seconds, abs=0.01)
        assert counted["ola_worker_first_sound_seconds_count"] == 1
        async with speaker.say(text(SENTENCES[0]), "default") as events:
            await anext(events)
            await redis_server.until_begun()
            process.send_signal(signal.SIGTERM)
            await until(lambda: httpx.get(f"http://127.0.0.1:{port}/health").status_code == 503)
            assert (await http.get("/health")).json() == {"status": "draining"}
            async for _ in events:
                pass


# Recorded voices


class Table:
    """A registry for a worker in this process."""

    def __init__(self) -> None:
        self.voices: dict[str, Recorded] = {}

    async def get(self, name: str) -> Recorded | None:
        return self.voices.get(name)


class Mimic:
    """Speaks as fast as the recording's transcript is long."""

    def __init__(self) -> None:
        self.imitated: list[str] = []

    def imitate(self, recorded: Recorded) -> Voice:
        self.imitated.append(recorded.name)
        return ScriptedVoice(recorded.name, seconds_per_char=len(recorded.transcript) / 100)


def recording(name: str, transcript: str, created: float) -> Recorded:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(32_000))
    return Recorded(name, file.getvalue(), transcript, "yes", "en", created)


async def test_recorded_voices_are_imitated_by_workers(redis_server: RedisServer) -> None:
    table, mimic, stopping = Table(), Mimic(), anyio.Event()
    anna = table.voices["anna"] = recording("anna", "Hi.", 1.5)
    async with keys.connect(redis_server.url, -1) as redis, anyio.create_task_group() as group:
        repertoire = Repertoire("mimic", [], mimic, table)
        mimicking = RedisWorker(redis, "host-1-x", repertoire, 3, Figures(3))
        await mimicking.start()
        group.start_soon(mimicking.run, stopping, 1.0)
        async with redis_fleet(redis_server.url) as fleet:
            voice = fleet.imitate(anna)
            await until(lambda: voice.slots == 3)
            for _ in range(2):
                assert await said(voice, "Hello.") == ScriptedVoice(seconds_per_char=0.03).pcm("Hello.")
            assert mimic.imitated == ["anna"]
            other = table.voices["anna"] = recording("anna", "Hi, you.", 2.5)
            assert await said(fleet.imitate(other), "Hello.") == ScriptedVoice(seconds_per_char=0.08).pcm("Hello.")
            with pytest.raises(VoiceError, match="no recorded voice 'anna' any more"):
                await said(voice, "Hello.")
            await voice.close()
            stopping.set()


def test_a_worker_with_nothing_to_offer() -> None:
    with pytest.raises(ValueError, match="no voice"):
        Repertoire("mimic", [], Mimic(), None)
