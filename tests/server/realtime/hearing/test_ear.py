"""The ear on real speech: where turns begin and end, in any cut, format and noise; and what a client does to it."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import soxr

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE
from server.realtime.hearing.ear import Ear
from server.realtime.hearing.formats import PCM, PCM_16K, PCMA, PCMU, SoundFormat
from server.realtime.hearing.g711 import encoded
from server.realtime.hearing.input_buffer import MAX_SAMPLES, BufferFullError
from server.realtime.hearing.vad import Vad
from server.realtime.hearing.windows import FRAME
from server.realtime.turn_config import SemanticVad, ServerVad
from server.realtime.turns import IdleTimeout, Paused, Resumed, Started, Stopped, TurnEvent
from tests.server.realtime.hearing.speech import Sound, Speech, noisy, pcm, seconds
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

MS = SAMPLE_RATE // 1000
SENTENCES = (
    ("Tell me about the river in the north.", "f3", "en"),
    ("I would like to book a table for two.", "m3", "en"),
    ("No, that is not what I meant.", "m7", "en"),
    ("Was kostet eine Fahrkarte nach Berlin?", "f1", "de"),
    ("Où est la gare, s'il vous plaît?", "m1", "fr"),
    ("Stop.", "f5", "en"),
)


async def events_of(ear: Ear, data: bytes, step: int = 640) -> list[TurnEvent]:
    events: list[TurnEvent] = []
    for at in range(0, len(data), step):
        await ear.hear(data[at : at + step], events.append)
    return events


def bytes_in(format: SoundFormat, sound: Sound) -> bytes:
    if format.coding == "audio/pcm":
        return pcm(sound, format.rate)
    narrow = soxr.resample(sound, SAMPLE_RATE, format.rate)
    return encoded(np.rint(narrow * 32767).astype(np.int16), format.coding)


@pytest.mark.parametrize("format", [PCM, PCM_16K, PCMU, PCMA])
@pytest.mark.parametrize("ratio", [60, 20, 10, 5])
async def test_turns_begin_and_end_where_speech_does(vad: Vad, speech: Speech, ratio: int, format: SoundFormat) -> None:
    """Within 100 ms at the beginning and 150 ms at the end, whatever the voice. In noise 5 dB below it the end is
    within 200 ms; on a telephone the beginning is within 130 ms, for an "s" is not heard there."""
    sound, truth = seconds(1), []
    for sentence in SENTENCES:
        said = await speech.say(*sentence)
        truth.append((len(sound), len(sound) + len(said)))
        sound = np.concatenate((sound, said, seconds(1.2)))
    ear = Ear(vad, format, ServerVad(silence_duration_ms=700))
    events = await events_of(ear, bytes_in(format, noisy(sound, -20 - ratio)))
    started = [event for event in events if isinstance(event, Started)]
    stopped = [event for event in events if isinstance(event, Stopped)]
    assert len(started) == len(stopped) == len(truth)
    for (begin, end), start, stop in zip(truth, started, stopped, strict=True):
        assert abs(start.speech - begin) <= (100 if format.rate > 8000 else 130) * MS
        assert abs(stop.speech - end) <= (150 if ratio > 5 else 200) * MS
        assert start.at == start.speech - 300 * MS
        assert stop.at == stop.speech + 700 * MS


async def test_noise_and_silence_are_no_turns(vad: Vad) -> None:
    for level in (-90, -50, -30, -15):
        assert await events_of(Ear(vad, PCM, ServerVad()), pcm(noisy(seconds(10), level), WIRE_RATE)) == []


async def test_a_muted_microphone_costs_nothing(vad: Vad, speech: Speech, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = 0
    real = vad._infer

    def counting(sound: Any, state: Any) -> Any:
        nonlocal heard
        heard += len(sound)
        return real(sound, state)

    monkeypatch.setattr(vad, "_infer", counting)
    said = await speech.say(*SENTENCES[0])
    sound = np.concatenate((seconds(10), said, seconds(10)))
    (started, *_, stopped) = await events_of(Ear(vad, PCM_16K, ServerVad()), pcm(sound))
    assert len(said) < heard * 512 < len(said) + 1.2 * SAMPLE_RATE
    assert isinstance(started, Started)
    assert isinstance(stopped, Stopped)
    assert abs(started.speech - 10 * SAMPLE_RATE) <= 100 * MS
    assert abs(stopped.speech - 10 * SAMPLE_RATE - len(said)) <= 150 * MS


@pytest.fixture
async def talk(speech: Speech) -> bytes:
    """Two sentences, each said twice: with a breath behind it, and with a silence; 24 kHz."""
    parts = [seconds(0.5)]
    for sentence, breath in product(SENTENCES[:2], (0.3, 2.3)):
        parts += [await speech.say(*sentence), seconds(breath)]
    return pcm(noisy(np.concatenate(parts), -60), WIRE_RATE)


@pytest.mark.parametrize(
    "config", [ServerVad(), ServerVad(threshold=0.8, silence_duration_ms=200), SemanticVad("high")]
)
async def test_any_cut_gives_the_same_turns(vad: Vad, talk: bytes, config: ServerVad | SemanticVad) -> None:
    whole = await events_of(Ear(vad, PCM, config), talk, len(talk))
    assert {type(event) for event in whole} >= {Started, Paused, Stopped}
    for step in (101, 960, 4800, 48_001, 99_999):
        assert await events_of(Ear(vad, PCM, config), talk, step) == whole


async def test_the_sound_of_a_turn_is_there_when_it_stops(vad: Vad, talk: bytes) -> None:
    """In one append or in many, and nothing of it is kept afterwards."""
    whole = Ear(vad, PCM)
    assert await events_of(whole, talk) == []
    all_of_it = whole.commit()
    begin, taken = 0, 0

    def take(event: TurnEvent) -> None:
        nonlocal begin, taken
        if isinstance(event, Started):
            begin = event.at
            assert ear.buffer.start <= begin
        elif isinstance(event, Stopped):
            sound = ear.buffer.take(begin, event.at)
            assert np.array_equal(sound, all_of_it[begin : begin + len(sound)])
            assert begin + len(sound) >= event.speech + 160 * MS  # what the model gets of the silence
            taken += 1

    for step in (960, len(talk)):
        ear, taken = Ear(vad, PCM, ServerVad()), 0
        for at in range(0, len(talk), step):
            await ear.hear(talk[at : at + step], take)
        assert taken == 2
        assert ear.buffer.end - ear.buffer.start < SAMPLE_RATE


async def test_without_turn_detection_the_client_ends_the_turn(vad: Vad, talk: bytes) -> None:
    ear = Ear(vad)
    assert await events_of(ear, talk) == []
    assert not ear.speaking
    taken = ear.commit()
    assert len(taken) == len(talk) // 2 * SAMPLE_RATE // WIRE_RATE == ear.buffer.end
    assert len(ear.commit()) == 0
    await events_of(ear, talk[:48_000])
    ear.clear()
    assert (len(ear.commit()), ear.buffer.end) == (0, len(taken) + SAMPLE_RATE)


async def test_more_than_the_model_hears_is_refused_without_turn_detection_only(vad: Vad) -> None:
    ear, minute = Ear(vad, PCMU), b"\xff" * 8000 * 60
    for _ in range(12):
        await events_of(ear, minute, len(minute))
    with pytest.raises(BufferFullError):
        await events_of(ear, minute, len(minute))
    assert MAX_SAMPLES - 60 * SAMPLE_RATE < ear.buffer.end <= MAX_SAMPLES
    ear.clear()
    assert await events_of(ear, minute, len(minute)) == []


@pytest.mark.parametrize("format", [PCM, PCM_16K, PCMU])
async def test_a_refused_append_changes_nothing(vad: Vad, format: SoundFormat) -> None:
    """All that was taken can be committed, to the last sample, which the resampler still holds back."""
    ear, second = Ear(vad, format), bytes(format.rate * format.sample_bytes)
    nearly = second * (MAX_SOUND_SECONDS - 1)
    await events_of(ear, nearly, len(nearly))
    for more in (second + second[: len(second) // 1000], second * 2):
        with pytest.raises(BufferFullError):
            await events_of(ear, more, len(more))
    await events_of(ear, second, len(second))
    assert len(ear.commit()) == ear.buffer.end == MAX_SAMPLES


async def test_what_is_held_back_is_cut_to_the_room_there_is(vad: Vad) -> None:
    ear = Ear(vad, PCM)
    await events_of(ear, bytes(WIRE_RATE * 2))
    ear.buffer.append(np.zeros(ear.buffer.room, np.int16))
    assert len(ear.commit()) == MAX_SAMPLES


async def test_a_commit_in_the_middle_of_speech(vad: Vad, speech: Speech) -> None:
    said = pcm(await speech.say(*SENTENCES[0]))
    ear, half = Ear(vad, PCM_16K, ServerVad()), len(said) // 4 * 2
    (started,) = await events_of(ear, said[:half])
    assert ear.speaking
    assert len(ear.commit()) == half // 2
    assert not ear.speaking
    events = await events_of(ear, said[half:] + bytes(2 * SAMPLE_RATE))
    assert [type(event) for event in events] == [Started, Paused, Stopped]
    assert isinstance(events[0], Started)
    assert isinstance(started, Started)
    assert events[0].at >= half // 2


async def test_turn_detection_may_be_changed_and_format_too(vad: Vad, speech: Speech) -> None:
    said = np.concatenate((await speech.say(*SENTENCES[0]), seconds(1)))
    ear = Ear(vad, PCM_16K)
    await events_of(ear, pcm(said) + bytes(2 * 77))
    ear.commit()
    ear.take_turns(ServerVad())
    ear.take_format(PCM)
    begin = ear.buffer.end
    events = await events_of(ear, pcm(said, WIRE_RATE))
    assert [type(event) for event in events if not isinstance(event, Resumed)][::2] == [Started, Stopped]
    assert isinstance(events[0], Started)
    assert begin <= events[0].speech < begin + 100 * MS
    ear.take_turns(None)
    ear.take_format(PCMU)
    assert await events_of(ear, bytes_in(PCMU, said)) == []
    length = len(ear.commit())
    assert len(said) <= length < len(said) + SAMPLE_RATE


async def test_sound_before_another_format_is_in_the_turn_that_is_committed(vad: Vad) -> None:
    """Of 24 kHz the last samples wait for those after them, which never come."""
    whole, changed = Ear(vad, PCM), Ear(vad, PCM)
    for ear in (whole, changed):
        await events_of(ear, pcm(seconds(0.2) + 1000, WIRE_RATE))
    changed.take_format(PCM_16K)
    expected, found = whole.commit(), changed.commit()
    assert len(expected) > 0.199 * SAMPLE_RATE
    assert found.tolist() == expected.tolist()


async def test_turn_detection_may_begin_in_a_full_buffer(vad: Vad, speech: Speech) -> None:
    ear = Ear(vad, PCM_16K)
    await events_of(ear, bytes(2 * MAX_SAMPLES), step=2 * MAX_SAMPLES)
    with pytest.raises(BufferFullError):
        await events_of(ear, bytes(2))
    ear.take_turns(ServerVad())
    said = np.concatenate((await speech.say(*SENTENCES[0]), seconds(1)))
    events = await events_of(ear, pcm(said))
    assert [type(event) for event in events if not isinstance(event, Resumed)][::2] == [Started, Stopped]


async def test_turn_detection_that_begins_while_a_reply_plays_knows_it(vad: Vad, speech: Speech) -> None:
    click = (await speech.say(*SENTENCES[0]))[: 110 * MS]
    for playing in (False, True):
        ear = Ear(vad, PCM_16K)
        if playing:
            ear.playback_began()
        ear.take_turns(ServerVad())
        events = await events_of(ear, pcm(np.concatenate((seconds(0.5), click, seconds(1)))))
        assert bool(events) != playing


@pytest.mark.parametrize("turns", [ServerVad(), None])
async def test_of_what_was_played_only_the_last_is_kept(vad: Vad, turns: ServerVad | None) -> None:
    ear, second = Ear(vad, PCM_16K, turns), noisy(seconds(1), -20)
    ear.playback_began()
    for _ in range(30):
        ear.played(ear.buffer.end, pcm(second, WIRE_RATE))
        await events_of(ear, bytes(2 * SAMPLE_RATE))
        ear.clear()
    assert len(ear._guard._played._dry) < 5 * SAMPLE_RATE // FRAME


async def test_one_hears_nothing_while_idle_and_is_told(vad: Vad) -> None:
    ear = Ear(vad, PCM_16K, ServerVad(idle_timeout_ms=1000))
    ear.playback_began()
    assert await events_of(ear, bytes(2 * SAMPLE_RATE)) == []
    ear.playback_ended(ear.buffer.end)
    told = 0

    def take(event: TurnEvent) -> None:
        nonlocal told
        told += 1
        assert isinstance(event, IdleTimeout)
        assert event.start == SAMPLE_RATE
        assert len(ear.buffer.take(event.start, event.end)) == event.end - event.start >= SAMPLE_RATE

    await ear.hear(bytes(4 * SAMPLE_RATE), take)
    assert told == 1


async def test_a_judged_pause_ends_the_turn_sooner(vad: Vad, speech: Speech) -> None:
    said = pcm(np.concatenate((await speech.say(*SENTENCES[0]), seconds(5))))
    lengths = []
    for probability in (0.0, 1.0):
        ear = Ear(vad, PCM_16K, SemanticVad())
        for at in range(0, len(said), 640):
            events: list[TurnEvent] = []
            await ear.hear(said[at : at + 640], events.append)
            for event in events:
                if isinstance(event, Paused):
                    ear.judged(event.pause, probability)
                if isinstance(event, Stopped):
                    lengths.append(event.at - event.speech)
    assert lengths == [4000 * MS, 320 * MS]
