"""The speaker: names, order, joints, look-ahead, admission. Faults and leaving are in `test_faults.py`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

import anyio
import numpy as np
import pytest

from tests.scripted_voice import ScriptedVoice
from tests.tts.speaking import SENTENCES, all_of, enter, heard, quick, samples, silence, sound_of, speaker, spoken, text
from tts.events import Begun, Ended, Sound
from tts.loudness import amplified, gain_of
from tts.pool import BusyError
from tts.speaker import Speaker
from tts.timeline import Timeline
from tts.voice import WIRE_RATE, UnknownVoiceError
from tts.voices.espeak import OPENAI_ALIASES, espeak_voices

pytestmark = pytest.mark.anyio

OPENAI_NAMES = [
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar")
]


# What is said


async def test_units_are_spoken_in_order_with_their_pauses() -> None:
    voice = ScriptedVoice()
    pcm = await heard(speaker(voice).say(text("First one, so. ", "Second one here."), "default", speed=1.0))
    assert voice.said == ["First one, so.", "Second one here."]
    assert pcm == spoken(voice, *voice.said)


async def test_the_pause_before_a_unit_without_words_is_heard() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "First one, so.\n\n"
        yield "🎉" * 400 + "\n\n"
        await anyio.sleep(0.1)
        yield "Second one here."

    voice = ScriptedVoice()
    events = await all_of(speaker(voice).say(pieces(), "default"))
    assert [event.text[:5] for event in events if isinstance(event, Begun)] == ["First", "🎉" * 5, "Secon"]
    assert sound_of(events) == spoken(voice, "First one, so.", "Second one here.")


async def test_speed_and_language_reach_the_voice_and_the_seed_is_one_per_answer() -> None:
    voice = ScriptedVoice()
    seeds = []
    for _ in range(2):
        await heard(speaker(voice).say(text(" ".join(SENTENCES)), "default", speed=1.5, lang="de"))
        assert set(voice.speeds) == {1.5}
        assert set(voice.langs) == {"de"}
        assert len(voice.seeds) > 1
        assert len(set(voice.seeds)) == 1
        seeds.append(voice.seeds.pop())
        voice.seeds.clear()
    assert seeds[0] != seeds[1]


async def test_a_faster_answer_has_shorter_pauses() -> None:
    voice = ScriptedVoice()
    events = await all_of(speaker(voice).say(text(" ".join(SENTENCES[:2])), "default", speed=2.0))
    assert silence(0.15) in [event.pcm for event in events if isinstance(event, Sound)]


async def test_units_without_words_are_silent_but_shown() -> None:
    voice = ScriptedVoice()
    events = await all_of(speaker(voice).say(text("🎉\n\n**\n\n---\n\nSome words here.\n\n🎉\n"), "default"))
    assert voice.said == ["Some words here."]
    assert "".join(event.text for event in events if isinstance(event, Begun)).count("🎉") == 2


async def test_an_answer_ends_without_a_slot_for_what_holds_no_words() -> None:
    voice = quick(slots=1)
    speaking = speaker(voice)
    async with speaking.say(text("Some words here.\n\n🎉\n"), "default") as events:
        while not isinstance(await anext(events), Ended):
            pass
        await speaking.resolve("default").acquire(0.0)  # and it is never given back
        with anyio.fail_after(1):
            assert [type(event) for event in [event async for event in events]] == [Begun, Ended]


async def test_nothing_to_say_is_no_sound() -> None:
    assert await heard(speaker(ScriptedVoice(sample_rate=22_050)).say(text("🎉"), "default")) == b""
    assert await all_of(speaker(ScriptedVoice()).say(text(), "default")) == []


async def test_each_unit_reports_where_it_is_in_the_sound() -> None:
    voice, line, at = ScriptedVoice(), Timeline(), 0
    events = await all_of(speaker(voice).say(text(" ".join(SENTENCES)), "default"))
    pcm, begun = sound_of(events), {}
    for event in events:
        match event:
            case Begun(shown, start, expected):
                assert start == at
                begun[start] = shown
                line.begin(shown, start, expected)
            case Sound(chunk):
                at += samples(chunk)
            case Ended(end):
                assert end == at
                line.end(end)
    assert " ".join(begun.values()) == " ".join(SENTENCES)
    for start, shown in begun.items():
        whole = voice.pcm(shown)
        assert pcm[2 * start : 2 * start + len(whole)] == whole
    assert line.heard(at) == " ".join(SENTENCES)
    assert line.heard(round(voice.seconds(SENTENCES[0]) * WIRE_RATE)) == SENTENCES[0]


async def test_silence_at_the_joints_is_the_planned_pause() -> None:
    class Slow(ScriptedVoice):
        def pcm(self, text: str) -> bytes:
            return silence(0.4) + super().pcm(text) + silence(0.7)

    voice = Slow(sample_rate=WIRE_RATE)
    pcm = await heard(speaker(voice).say(text("One unit is here. ", "Another one is here."), "default"))
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 200)
    gaps = np.diff(loud)
    assert (gaps > WIRE_RATE // 10).sum() == 1
    assert gaps.max() / WIRE_RATE == pytest.approx(0.3 + 0.05, abs=0.01)  # and what is kept at both ends


async def test_one_gain_for_the_whole_answer() -> None:
    class Uneven(ScriptedVoice):
        """Half as loud in its later units."""

        def pcm(self, text: str) -> bytes:
            return amplified(super().pcm(text), 0.9 if "one" in text else 0.45)

    voice = Uneven(chunk_seconds=1.0)
    pcm = await heard(speaker(voice).say(text(" ".join(SENTENCES[:3])), "default"))
    gain = gain_of(voice.pcm(SENTENCES[0])[: 2 * WIRE_RATE])
    assert 0.6 < gain < 0.7
    assert pcm == amplified(spoken(voice, *voice.said), gain)


# Ahead of time, in order


async def test_sound_leaves_before_the_next_unit_exists() -> None:
    second = anyio.Event()

    async def slowly() -> AsyncIterator[str]:
        yield "The first unit. Now "
        await second.wait()
        yield "comes the second unit."

    voice = ScriptedVoice()
    async with speaker(voice).say(slowly(), "default") as events:
        with anyio.fail_after(5):
            pcm = b""
            while pcm != voice.pcm("The first unit."):
                event = await anext(events)
                pcm += event.pcm if isinstance(event, Sound) else b""
        second.set()
        assert sound_of([event async for event in events])


async def test_a_held_sentence_is_spoken_when_the_text_pauses() -> None:
    voice, never = ScriptedVoice(), anyio.Event()

    async def stalls() -> AsyncIterator[str]:
        yield "That is the whole story."
        await never.wait()

    with anyio.fail_after(5):
        async with speaker(voice, idle_flush=0.02).say(stalls(), "default") as events:
            assert isinstance(await anext(events), Begun)
            assert isinstance(await anext(events), Sound)


async def test_two_units_are_made_at_a_time_and_no_more() -> None:
    gate = anyio.Event()
    voice = quick(gate=gate, gate_after=1)
    async with speaker(voice).say(text(" ".join(SENTENCES)), "default") as events:
        await anext(events)
        await anyio.wait_all_tasks_blocked()
        assert (voice.active, voice.most_active) == (2, 2)
        gate.set()
        async for _ in events:
            pass
    assert voice.most_active == 2


async def test_the_next_unit_is_made_while_one_plays() -> None:
    voice = quick()
    async with speaker(voice).say(text(" ".join(SENTENCES)), "default") as events:
        await anext(events)
        await anyio.wait_all_tasks_blocked()
        assert voice.finished > 1  # nothing but the first unit's beginning was taken


async def test_look_ahead_is_bounded_in_seconds_of_sound() -> None:
    voice = ScriptedVoice(seconds_per_char=0.1)
    story = " ".join(SENTENCES * 20)
    async with speaker(voice, look_ahead=5.0).say(text(story), "default") as events:
        await anext(events)
        await anyio.wait_all_tasks_blocked()
        made = sum(voice.seconds(unit) for unit in voice.said)
        assert 5.0 <= made < 5.0 + 2 * voice.seconds(max(voice.said, key=len))
        assert voice.active == 0  # no slot is held for a listener who does not listen
        taken = 0
        async for event in events:
            if isinstance(event, Sound):
                taken += samples(event.pcm)
            await anyio.lowlevel.checkpoint()
            made = sum(voice.seconds(unit) for unit in voice.said)
            assert made - taken / WIRE_RATE < 5.0 + 2 * voice.seconds(max(voice.said, key=len))
    assert " ".join(voice.said) == story


async def test_order_is_kept_when_a_later_unit_is_ready_first() -> None:
    gate = anyio.Event()
    slow, fast = quick(gate=gate, slots=1), quick(slots=1)
    async with speaker(slow, fast).say(text(" ".join(SENTENCES[:3])), "default") as events:
        await anext(events)
        await anyio.wait_all_tasks_blocked()
        assert slow.active == 1
        assert fast.finished > 0
        gate.set()
        pcm = sound_of([event async for event in events])
    assert pcm == spoken(slow, *slow.said, *fast.said)


async def test_units_grow_while_a_busy_pool_makes_them_wait() -> None:
    gate = anyio.Event()
    voice = ScriptedVoice(slots=1, gate=gate, gate_after=3)
    async with speaker(voice).say(text(" ".join(SENTENCES)), "default") as events:
        await anext(events)
        await anyio.wait_all_tasks_blocked()
        gate.set()
        async for _ in events:
            pass
    assert voice.said[0] == SENTENCES[0]
    assert max(map(len, voice.said)) > len(SENTENCES[0]) * 2


async def test_the_first_sound_is_held_back_while_the_second_unit_would_be_late() -> None:
    gate, sounded, done = anyio.Event(), anyio.Event(), anyio.Event()
    voice = quick(slots=1, gate=gate)
    speaking = speaker(voice)
    pool = speaking.resolve("default")
    pool.pace.learn(first_sound=0.1, unit_seconds=10.0, audio_seconds=0.4, letters=40)

    async def listen() -> None:
        async with speaking.say(text(" ".join(SENTENCES[:2])), "default") as events:
            async for event in events:
                if isinstance(event, Sound):
                    sounded.set()

    async def other() -> None:
        worker = await pool.acquire(0.0, letters=40)
        await done.wait()
        pool.release(worker)

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(other)
        await anyio.wait_all_tasks_blocked()
        gate.set()
        await anyio.wait_all_tasks_blocked()
        assert voice.finished == 1
        assert not sounded.is_set()
        done.set()
        with anyio.fail_after(1):  # as soon as the second unit is begun
            await sounded.wait()


# Admission


async def test_answers_are_refused_when_the_first_sound_would_come_too_late() -> None:
    voice = quick(slots=1)
    speaking = speaker(voice, first_sound=1.0)
    speaking.resolve("default").pace.learn(first_sound=0.2, unit_seconds=0.6, audio_seconds=2.0, letters=30)
    async with speaking.admit("default") as first, speaking.admit("default"):
        with pytest.raises(BusyError) as refused:
            await enter(speaking.admit("default"))
        assert refused.value.predicted == pytest.approx(1.4)
        assert await heard(first.say(text(SENTENCES[0]), lang="en"))
        async with speaking.admit("default"):  # the first one is no longer silent
            pass
    assert voice.langs == ["en"]


async def test_the_pace_is_measured() -> None:
    voice = ScriptedVoice(delay=0.05, rtf=0.02)
    speaking = speaker(voice)
    await heard(speaking.say(text(SENTENCES[0]), "default"))
    pace = speaking.resolve("default").pace
    assert 0.05 <= pace.first_sound < 0.5
    assert pace.unit_seconds >= 0.05 + 0.02 * (voice.seconds(SENTENCES[0]) - 0.1)
    assert pace.audio_seconds == pytest.approx(voice.seconds(SENTENCES[0]), abs=0.01)
    assert pace.letters == len(SENTENCES[0])


# Names


async def test_an_unknown_voice_lists_the_known_at_once() -> None:
    speaking = Speaker([ScriptedVoice("default"), ScriptedVoice("anna")], {"alloy": "anna"})
    assert await speaking.names() == ["default", "anna", "alloy"]
    assert speaking.resolve("alloy").name == "anna"
    with pytest.raises(UnknownVoiceError, match=r"bert.*default, anna, alloy") as raised:
        await enter(speaking.say(text("unheard"), "bert"))
    assert raised.value.known == await speaking.names()
    with pytest.raises(UnknownVoiceError):
        await enter(speaking.admit("bert"))


async def test_an_alias_of_nothing_is_refused() -> None:
    with pytest.raises(UnknownVoiceError):
        Speaker([ScriptedVoice("default")], {"alloy": "anna"})


async def test_voices_and_workers_may_come_later() -> None:
    speaking = Speaker([busy := quick(slots=1, gate=anyio.Event())], {"alloy": "default", "anna": "default"})
    async with anyio.create_task_group() as group:
        group.start_soon(heard, speaking.say(text(SENTENCES[0]), "default"))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(heard, speaking.say(text(SENTENCES[1]), "default"))
        await anyio.wait_all_tasks_blocked()
        speaking.join(later := quick(slots=1))  # and takes what waits
        await later.until_idle()
        await anyio.wait_all_tasks_blocked()
        assert (busy.said, later.said) == ([SENTENCES[0]], [SENTENCES[1]])
        group.cancel_scope.cancel()
    speaking.join(anna := quick(name="anna"))
    speaking.alias({"echo": "anna"})
    assert await speaking.names() == ["default", "anna", "alloy", "echo"]
    for name in ("anna", "echo"):
        await heard(speaking.say(text(SENTENCES[2]), name))
    assert anna.said == [SENTENCES[2]] * 2
    with pytest.raises(UnknownVoiceError):
        speaking.alias({"nova": "carl"})
    await speaking.close()
    assert later.closed
    assert anna.closed


async def test_voices_of_one_name_are_workers() -> None:
    one, two = quick(slots=1), quick(slots=1)
    speaking = speaker(one, two)
    assert await speaking.names() == ["default"]
    await heard(speaking.say(text(" ".join(SENTENCES)), "default"))
    assert one.said
    assert two.said


async def test_start_and_close_reach_every_voice() -> None:
    voices = [ScriptedVoice("one"), ScriptedVoice("two"), ScriptedVoice("two")]
    speaking = Speaker(voices, {})
    await speaking.start()
    await speaking.close()
    await speaking.close()
    assert all(voice.started and voice.closed for voice in voices)


@pytest.fixture
async def embedded() -> AsyncGenerator[Speaker, None]:
    speaking = Speaker(espeak_voices(), OPENAI_ALIASES)
    yield speaking
    await speaking.close()


async def test_the_embedded_voices_speak_under_every_openai_name(embedded: Speaker) -> None:
    assert set(OPENAI_NAMES) == set(OPENAI_ALIASES)
    for name in ["default", *OPENAI_NAMES]:
        pcm = await heard(embedded.say(text("Hello there, how are you?"), name))
        assert 0.8 < samples(pcm) / WIRE_RATE < 4


async def test_espeak_pauses_between_sentences_as_planned(embedded: Speaker) -> None:
    events = await all_of(embedded.say(text("Good morning to you. ", "Sleep well tonight."), "default"))
    pause = next(event.at for event in events if isinstance(event, Ended))
    pcm = np.frombuffer(sound_of(events), "<i2").astype(int)
    second = [event.at for event in events if isinstance(event, Begun)][1]
    assert (second - pause) / WIRE_RATE == pytest.approx(0.3)
    assert not pcm[pause:second].any()
    quiet = np.convolve(np.abs(pcm) > 128, np.ones(240), "same") == 0
    edges = np.diff(np.flatnonzero(~quiet))
    assert edges.max() / WIRE_RATE < 0.3 + 0.08  # its own silence at the joint is gone
