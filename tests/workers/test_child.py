"""A worker as a child process: speaks, is stopped, and is started again when it dies or hangs."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest

from tests.scripted_voice import ScriptedVoice
from tests.tts.speaking import all_of, text
from tests.workers.listening import SCRIPT, STORY, Listener, assert_whole, local_voice, until, until_idle
from tests.workers.processes import figures, free_port
from tests.workers.test_fleet import recording, said
from tests.workers.voices import VARIABLE
from tts.speaker import Limits, Speaker
from tts.voice import VoiceError
from tts.workers.child_voices import ChildFleet, child_fleet

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def child(*options: str, slots: int = 2, **script: Any) -> AsyncGenerator[ChildFleet, None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, json.dumps(SCRIPT | script))
        async with child_fleet("--voice", "tests.workers.voices:scripted", *options, slots=slots) as fleet:
            yield fleet


def speaker(fleet: ChildFleet, **limits: float) -> Speaker:
    return Speaker(fleet.voices(), {}, Limits(**limits))


async def test_a_child_speaks_and_ends_with_its_fleet() -> None:
    async with child() as fleet:
        (voice,) = fleet.voices()
        assert (voice.name, voice.slots, voice.languages) == ("default", 2, ("en", "zh"))
        await voice.start()
        assert_whole(await all_of(speaker(fleet).say(text(STORY), "default")))
        pid = fleet.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(VoiceError, match="closed"):
        await said(voice, "Too late.")


async def test_espeak_sounds_there_as_it_does_here() -> None:
    async with child_fleet("--voice", "espeak") as fleet:
        voices = {voice.name: voice for voice in fleet.voices()}
        pcm = await said(voices["espeak-m1"], "Hello there, how are you?")
        assert 1.0 < len(pcm) / 48_000 < 3.0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_child_that_dies_or_hangs_costs_a_pause(number: signal.Signals) -> None:
    listener = Listener()
    async with child() as fleet, anyio.create_task_group() as group:
        group.start_soon(listener.listen, speaker(fleet).say(text(STORY), "default"))
        await listener.until_heard(1)
        first = fleet.pid
        assert first is not None
        os.kill(first, number)
        await listener.done.wait()
        assert fleet.pid != first
    assert_whole(listener.events)


async def test_a_child_that_died_is_started_before_somebody_speaks() -> None:
    async with child() as fleet:
        first = fleet.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: fleet.pid != first)
        assert await said(fleet.voices()[0], "Hello.") == local_voice().pcm("Hello.")


async def test_leaving_stops_the_child_s_work() -> None:
    port = free_port()
    async with child("--port", str(port), rtf=1.0) as fleet:
        async with aclosing(fleet.voices()[0].synthesize(STORY)) as chunks:
            await anext(chunks)
            assert figures(port)["ola_worker_busy"] == 1
        assert await until_idle(port) < 0.3
        assert figures(port)["ola_worker_units_totalstopped"] == 1


async def test_units_beyond_the_slots_wait() -> None:
    async with child(slots=1) as fleet, anyio.create_task_group() as group:
        (voice,) = fleet.voices()

        async def say(words: str) -> None:
            assert await said(voice, words) == local_voice().pcm(words)

        for words in ("One.", "Two of them.", "Three of them all."):
            group.start_soon(say, words)


async def test_a_child_that_fails_says_why() -> None:
    async with child(fail_on="two") as fleet:
        with pytest.raises(VoiceError, match="scripted to fail"):
            await said(fleet.voices()[0], "one two")


async def test_recordings_reach_the_child_and_its_successor() -> None:
    anna, other = recording("anna", "Hi.", 1.5), recording("anna", "Hi, you.", 2.5)
    slow, fast = (ScriptedVoice(seconds_per_char=seconds).pcm("Hello.") for seconds in (0.08, 0.03))
    async with child_fleet("--voice", "tests.workers.voices:mimicry") as fleet:
        assert fleet.voices() == []
        assert await said(fleet.imitate(anna), "Hello.") == fast
        assert await said(fleet.imitate(other), "Hello.") == slow
        first = fleet.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: fleet.pid != first)
        assert await said(fleet.imitate(other), "Hello.") == slow
        assert await said(fleet.imitate(anna), "Hello.") == fast


async def test_a_child_that_cannot_start(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VoiceError, match="ended before"):
        async with child_fleet("--voice", "nowhere:nothing"):
            pass
    assert "ola tts-worker: --voice nowhere:nothing: No module named 'nowhere'" in capfd.readouterr().err


async def test_a_child_finishes_what_it_has_when_it_is_told_to_stop() -> None:
    async with child(rtf=0.5) as fleet:
        (voice,) = fleet.voices()
        async with aclosing(voice.synthesize("A sentence is here.")) as chunks:
            heard = await anext(chunks)
            assert fleet.pid is not None
            os.kill(fleet.pid, signal.SIGTERM)
            heard += b"".join([chunk async for chunk in chunks])
        assert heard == local_voice().pcm("A sentence is here.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--voice", "nobody"], "--voice nobody: espeak, cosyvoice, or MODULE:FUNCTION"),
        (["--voice", "cosyvoice"], "--voice cosyvoice needs --model"),
        (["--redis", "unix:///nowhere.sock"], "--redis: "),
        (["--redis", "localhost"], "--redis: Redis URL must specify"),
        (["--port", "1", "--host", "256.0.0.1"], "cannot listen on 256.0.0.1:1"),
        (["--slots", "0"], "argument --slots: at least 1"),
    ],
)
async def test_bad_options_end_the_start_with_a_message(options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "server.cli", "tts-worker", *options]
    ended = await anyio.run_process(command, check=False, input=b"")
    assert ended.returncode in (1, 2)
    assert message in ended.stderr.decode()
    assert "Traceback" not in ended.stderr.decode()
