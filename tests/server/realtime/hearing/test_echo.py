"""The echo guard: a reply that the microphone hears is no barge-in, and who speaks over it is."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api import SAMPLE_RATE
from server.realtime.hearing.ear import Ear
from server.realtime.hearing.echo import EchoGuard
from server.realtime.hearing.formats import PCM_16K
from server.realtime.hearing.vad import Vad
from server.realtime.hearing.windows import FRAMES, WINDOW
from server.realtime.turn_config import ServerVad
from server.realtime.turns import Started, TurnEvent
from tests.server.realtime.hearing.speech import Sound, Speech, at_level, echoed, mixed, noisy, pcm
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

REPLY = "The river rises in the mountains far to the north, and it flows through seven towns before it reaches the sea."
BARGES = ("No wait, stop that please.", "I have another question.", "Actually tell me about the lake.")
LEAD = SAMPLE_RATE // 2
"""Samples before the reply."""
PIECE = 320


async def starts(vad: Vad, reply: Sound, microphone: Sound, ear: Ear | None = None) -> list[int]:
    """When the ear says that somebody began to speak while the reply was played from LEAD on."""
    ear = ear or Ear(vad, PCM_16K, ServerVad())
    begin, heard, played, said = ear.buffer.end, pcm(microphone), pcm(reply, WIRE_RATE), list[int]()
    ear.playback_began()
    for at in range(0, len(microphone), PIECE):
        sent = max(at - LEAD, 0) * 3
        if at >= LEAD and sent < len(played):
            ear.played(begin + at, played[sent : sent + 3 * PIECE])
            if sent + 3 * PIECE >= len(played):
                ear.playback_ended(begin + LEAD + len(reply))
        events: list[TurnEvent] = []
        await ear.hear(heard[2 * at : 2 * (at + PIECE)], events.append)
        said += [ear.buffer.end - begin for event in events if isinstance(event, Started)]
    return said


def room(reply: Sound) -> int:
    return LEAD + len(reply) + SAMPLE_RATE


def echo(reply: Sound, gain: float, delay: float, noise: float = -60) -> Sound:
    return noisy(echoed(mixed(room(reply), (LEAD, reply)), gain, delay), noise)


@pytest.mark.parametrize("voice", ["f3", "m7"])
@pytest.mark.parametrize(
    ("gain", "delay", "noise"),
    [
        (-6, 0.02, -60),
        (-6, 0.3, -50),
        (-12, 0.1, -70),
        (-12, 0.2, -45),
        (-20, 0.02, -60),
        (-20, 0.3, -70),
        (-30, 0.1, -60),
    ],
)
async def test_the_echo_of_a_reply_is_no_barge_in(
    vad: Vad, speech: Speech, voice: str, gain: float, delay: float, noise: float
) -> None:
    reply = await speech.say(REPLY, voice)
    assert await starts(vad, reply, echo(reply, gain, delay, noise)) == []


async def test_without_the_guard_it_would_be_one(vad: Vad, speech: Speech) -> None:
    reply = await speech.say(REPLY)
    assert await starts(vad, np.zeros(len(reply)), echo(reply, -12, 0.1))


@pytest.mark.parametrize(("barge", "after"), [(BARGES[0], 1.5), (BARGES[1], 3.1), (BARGES[2], 2.3), (BARGES[0], 4.0)])
@pytest.mark.parametrize(("gain", "delay"), [(-6, 0.1), (-12, 0.3), (-20, 0.02), (-30, 0.2), (-200, 0.0)])
async def test_a_voice_6_db_above_the_echo_is_one_within_400_ms(
    vad: Vad, speech: Speech, gain: float, delay: float, barge: str, after: float
) -> None:
    reply, voice = await speech.say(REPLY), await speech.say(barge, "m1")
    at = LEAD + round(after * SAMPLE_RATE)
    over = mixed(room(reply), (at, at_level(voice, -20 if gain > -20 else -26)))
    said = await starts(vad, reply, echo(reply, gain, delay) + over)
    assert at < said[0] <= at + 400 * SAMPLE_RATE // 1000


async def test_what_was_learned_serves_the_next_reply(vad: Vad, speech: Speech) -> None:
    reply, voice = await speech.say(REPLY), await speech.say(BARGES[0], "m1")
    ear, at = Ear(vad, PCM_16K, ServerVad()), LEAD + SAMPLE_RATE // 10
    assert await starts(vad, reply, echo(reply, -12, 0.1), ear) == []
    said = await starts(vad, reply, echo(reply, -12, 0.1) + mixed(room(reply), (at, voice)), ear)
    assert at < said[0] <= at + 400 * SAMPLE_RATE // 1000


@pytest.mark.parametrize("gain", [-6, -20])
async def test_who_spoke_over_the_first_reply_is_not_taken_for_its_echo_in_the_next(
    vad: Vad, speech: Speech, gain: float
) -> None:
    """Nothing could be learned while both were heard."""
    reply, voice = await speech.say(REPLY), await speech.say(BARGES[2], "m1")
    ear, at = Ear(vad, PCM_16K, ServerVad()), LEAD + SAMPLE_RATE // 10
    over = mixed(room(reply), (at, voice), (at + len(voice), voice), (at + 2 * len(voice), voice))
    assert await starts(vad, reply, echo(reply, gain, 0.2) + over, ear)
    assert await starts(vad, reply, echo(reply, gain, 0.2), ear) == []


def loud(level: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.full(FRAMES, level)


def test_before_anything_is_learned_only_what_is_as_loud_as_the_reply_is_no_echo() -> None:
    guard = EchoGuard()
    guard.played(0, (np.ones(WIRE_RATE // 4) * 3277).astype("<i2").tobytes())  # -20 dB
    for level, is_echo in ((-30, True), (-23, True), (-19, False)):
        guard.hears(0, loud(level))
        assert guard.is_echo() == is_echo


def test_nothing_is_an_echo_of_silence() -> None:
    guard = EchoGuard()
    guard.hears(0, loud(-50))
    assert not guard.is_echo()
    guard.played(WINDOW, bytes(WIRE_RATE))
    guard.hears(WINDOW, loud(-50))
    assert not guard.is_echo()


def test_a_reply_that_was_stopped_echoes_for_as_long_as_an_echo_may_be_late() -> None:
    guard = EchoGuard()
    guard.played(0, (np.ones(WIRE_RATE * 5) * 3277).astype("<i2").tobytes())
    guard.stopped(SAMPLE_RATE // 10)
    for at in range(0, SAMPLE_RATE, WINDOW):
        guard.hears(at, loud(-40))
        late = at / SAMPLE_RATE - 0.1
        if not 0.4 < late < 0.6:
            assert guard.is_echo() == (late < 0.5)


def test_what_was_heard_before_a_gap_teaches_nothing() -> None:
    guard, random = EchoGuard(), np.random.default_rng(0)
    reply = random.normal(size=WIRE_RATE * 4) * np.repeat(random.uniform(100, 9000, 40), WIRE_RATE // 10)
    guard.played(0, np.clip(reply, -32768, 32767).astype("<i2").tobytes())
    for at in range(0, 2 * SAMPLE_RATE, WINDOW):
        guard.hears(at, loud(-90))
    guard.hears(3 * SAMPLE_RATE // WINDOW * WINDOW, loud(-35))
    assert guard.is_echo()  # were the silence believed, there would be none
