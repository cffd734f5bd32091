"""What a listener notices of workers that fail, hang or die, and what is left of an answer that nobody hears."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import AsyncIterator

import anyio
import pytest

from tests.scripted_voice import ScriptedVoice
from tests.tts.speaking import SENTENCES, all_of, heard, quick, silence, sound_of, speaker, spoken, text
from tts.events import Begun, Ended, Event, Skipped, Sound
from tts.speaker import Speaker
from tts.voice import WIRE_RATE
from tts.voices.espeak import EspeakVoice
from tts.voices.espeak_process import EspeakProcess

pytestmark = pytest.mark.anyio


def two_workers(**script: object) -> tuple[ScriptedVoice, ScriptedVoice]:
    """One that does what `script` says, and one without fault."""
    return quick(slots=1, **script), quick(slots=1)


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_unit_that_fails_is_spoken_elsewhere_without_repeating_a_sample(after: int) -> None:
    bad, good = two_workers(fail_on="", fail_after=after)
    events = await all_of(speaker(bad, good).say(text(SENTENCES[0]), "default"))
    assert (bad.said, good.said) == ([SENTENCES[0]], [SENTENCES[0]])
    assert sound_of(events) == good.pcm(SENTENCES[0])
    assert bad.seeds == good.seeds
    assert not any(isinstance(event, Skipped) for event in events)


async def test_a_worker_that_dies_in_the_middle_of_an_answer() -> None:
    dying, other = quick(slots=1, rtf=0.01), quick(slots=1, rtf=0.01)
    taken: list[Event] = []
    async with speaker(dying, other).say(text(" ".join(SENTENCES * 3)), "default") as events:
        async for event in events:
            taken.append(event)
            dying.dead = len(taken) > 5
    shown = [event.text for event in taken if isinstance(event, Begun)]
    assert " ".join(shown) == " ".join(SENTENCES * 3)
    assert sound_of(taken) == spoken(dying, *shown)
    assert dying.stopped >= 1


async def test_a_worker_that_hangs_costs_a_pause() -> None:
    hanging, other = two_workers()
    hanging.hangs = True
    with anyio.fail_after(5):
        events = await all_of(speaker(hanging, other, patience=0.3).say(text(" ".join(SENTENCES)), "default"))
    shown = [event.text for event in events if isinstance(event, Begun)]
    assert sound_of(events) == spoken(other, *shown)
    assert len(hanging.said) == 1  # it rests afterwards
    assert hanging.active == 0


async def test_a_unit_that_fails_twice_is_skipped_and_the_answer_goes_on() -> None:
    voice = quick(fail_on="two", slots=1)
    events = await all_of(speaker(voice).say(text(" ".join(SENTENCES[:2])), "default"))
    # Without a pause for what follows: there is nothing.
    assert [type(event) for event in events if not isinstance(event, Sound)] == [Begun, Ended, Begun, Skipped]
    assert voice.said == [SENTENCES[0], SENTENCES[1], SENTENCES[1]]
    assert sound_of(events) == voice.pcm(SENTENCES[0]) + silence(0.3)


async def test_a_unit_may_be_skipped_after_its_beginning_was_heard() -> None:
    first, second = quick(slots=1, fail_on="two", fail_after=1), quick(slots=1, fail_on="two", fail_after=2)
    events = await all_of(speaker(first, second).say(text(" ".join([SENTENCES[1], SENTENCES[0]])), "default"))
    (skipped,) = (event for event in events if isinstance(event, Skipped))
    assert "scripted to fail" in str(skipped.error)
    chunk = round(0.1 * WIRE_RATE)
    assert chunk <= skipped.at <= 2 * chunk
    begun = first.pcm(SENTENCES[1])[: 2 * skipped.at]
    assert sound_of(events) == begun + silence(0.3) + first.pcm(SENTENCES[0])


async def test_a_sentence_that_every_worker_fails_on_does_not_end_the_answer() -> None:
    voices = [quick(fail_on="one", slots=1), quick(fail_on="one", slots=1), quick(fail_on="one")]
    events = await all_of(speaker(*voices).say(text(" ".join(SENTENCES)), "default"))
    assert sum(isinstance(event, Skipped) for event in events) == 1
    assert sum(voice.said.count(SENTENCES[0]) for voice in voices) == 2
    assert sorted(len(voice.said) for voice in voices)[:2] == [1, 1]  # both rest
    assert "six" in "".join(event.text for event in events if isinstance(event, Begun))


async def test_a_voice_that_does_not_stop_is_stopped() -> None:
    voice = ScriptedVoice(seconds_per_char=3.0)
    events = await all_of(speaker(voice).say(text(SENTENCES[0]), "default"))
    (skipped,) = (event for event in events if isinstance(event, Skipped))
    assert "does not stop" in str(skipped.error)
    assert (voice.active, voice.stopped) == (0, 2)


async def test_what_the_text_raises_comes_out() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "A sentence. "
        raise ValueError("broken text")

    with pytest.raises(ExceptionGroup) as raised:
        await all_of(speaker(quick()).say(broken(), "default"))
    assert raised.group_contains(ValueError, match="broken text")


async def test_what_the_listener_raises_comes_out_as_it_is() -> None:
    voice = quick(gate=anyio.Event(), gate_after=1)

    async def listen() -> None:
        async with speaker(voice).say(text(*SENTENCES), "default") as events:
            await anext(events)
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await listen()
    assert voice.active == 0


async def test_espeak_speaks_on_when_its_process_dies() -> None:
    process = EspeakProcess()
    speaking = Speaker([EspeakVoice("default", process)], {})
    try:
        undisturbed = await heard(speaking.say(text(SENTENCES[0]), "default"))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        async with speaking.say(text(SENTENCES[0]), "default") as events:
            assert isinstance(await anext(events), Begun)
            os.kill(process.pid, signal.SIGKILL)
            rest = [event async for event in events]
    finally:
        await speaking.close()
    assert sound_of(rest) == undisturbed
    assert not any(isinstance(event, Skipped) for event in rest)


async def test_espeak_speaks_on_when_its_process_hangs() -> None:
    process = EspeakProcess(patience=0.8)
    speaking = Speaker([EspeakVoice("default", process)], {})
    try:
        undisturbed = await heard(speaking.say(text(SENTENCES[0]), "default"))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        with anyio.fail_after(10):
            events = await all_of(speaking.say(text(SENTENCES[0]), "default"))
    finally:
        await speaking.close()
    assert sound_of(events) == undisturbed
    assert not any(isinstance(event, Skipped) for event in events)


# Leaving


async def test_leaving_stops_the_voice() -> None:
    voice = ScriptedVoice(gate=anyio.Event(), gate_after=1)
    pool = (speaking := speaker(voice)).resolve("default")
    async with speaking.say(text("A unit of text. ", "Another one."), "default") as events:
        await anext(events)
        assert voice.active > 0
    assert voice.active == pool.busy == 0
    assert voice.stopped == len(voice.said)


async def test_a_cancelled_listener_stops_all_workers_at_once() -> None:
    voices = [quick(gate=anyio.Event(), gate_after=1, slots=1) for _ in range(2)]
    speaking, listening = speaker(*voices), anyio.Event()

    async def listen() -> None:
        async with speaking.say(text(" ".join(SENTENCES)), "default") as events:
            async for event in events:
                if isinstance(event, Sound):
                    listening.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        with anyio.fail_after(5):
            await listening.wait()
        tasks.cancel_scope.cancel()
        cancelled = anyio.current_time()
    assert anyio.current_time() - cancelled < 0.3
    assert [voice.active for voice in voices] == [0, 0]
    assert sum(voice.stopped for voice in voices) == 2
    assert speaking.resolve("default").busy == 0


async def test_a_worker_that_hangs_does_not_hold_up_leaving() -> None:
    voice = quick()
    voice.hangs = True
    with anyio.fail_after(1):
        async with speaker(voice).say(text(SENTENCES[0]), "default") as events:
            await anext(events)
    assert voice.active == 0


async def test_ten_thousand_cancelled_answers_leave_nothing() -> None:
    voices = [quick(gate=anyio.Event(), gate_after=1, slots=1) for _ in range(4)]
    speaking = speaker(*voices)

    async def cancel_some(count: int) -> None:
        for _ in range(count):
            async with speaking.say(text("A sentence is here. ", "Another one is here. "), "default") as events:
                await anext(events)
        for voice in voices:  # what the script itself keeps
            for record in (voice.said, voice.speeds, voice.langs, voice.seeds):
                record[:] = []
        gc.collect()

    await cancel_some(1000)
    blocks = sys.getallocatedblocks()
    await cancel_some(9000)
    assert sys.getallocatedblocks() < blocks + 900  # not even one small object for ten answers
    assert [voice.active for voice in voices] == [0] * 4
    assert speaking.resolve("default").busy == 0
