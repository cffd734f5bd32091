"""A user of a session, driven by hand: what he sends when, and what he makes of what he hears."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from loadtests.talker import APPEND, ROOM, Recording, Talker, recording
from tts.voice import WIRE_RATE

HELLO = Recording([b"hel", b"lo"], 0.07)
BYE = Recording([b"bye"], 0.04)


class Session:
    """The talker's clock and his server."""

    def __init__(self, *said: Recording, until: float = 10.0, interrupts: bool = False) -> None:
        self.talker = Talker(said, until, interrupts=interrupts)
        self.appends = 0

    @property
    def now(self) -> float:
        return self.appends * APPEND

    def send(self, seconds: float = APPEND) -> list[bytes]:
        """Messages other than silence in so many seconds."""
        sent = []
        for _ in range(round(seconds / APPEND)):
            sent.append(self.talker.next(self.now))
            self.appends += 1
        return [frame for frame in sent if frame not in ROOM]

    def say(self, kind: str, **fields: Any) -> None:
        self.talker.hear(json.dumps({"type": kind, **fields}).encode(), self.now)

    def sound(self, seconds: float) -> None:
        delta = base64.b64encode(bytes(2 * round(seconds * WIRE_RATE))).decode()
        self.say("response.output_audio.delta", response_id="resp_1", delta=delta)

    def answered(self, seconds: float, status: str = "completed") -> None:
        """An answer to a turn that has been said, with so much sound, sent at once."""
        self.say("input_audio_buffer.speech_started", audio_start_ms=0)
        self.say("input_audio_buffer.speech_stopped", audio_end_ms=round(1000 * self.now))
        self.say("response.created", response={"status": "in_progress"})
        self.say("response.output_audio_transcript.delta", delta="Yes.")
        self.sound(seconds)
        if status:
            self.say("response.done", response={"status": status})


def test_a_turn_follows_when_the_answer_was_played() -> None:
    session = Session(HELLO, BYE)
    assert session.send(2.0) == [b"hel", b"lo"]
    heard = session.now
    session.answered(3.0)
    assert session.send(3.96) == []  # three of sound, one of rest
    assert session.send(0.12) == [b"bye"]
    first, second = session.talker.turns
    assert (first.begun, first.ended) == pytest.approx((0.52, 0.59))
    assert (first.stopped_ms, first.stopped, first.created, first.words, first.sound) == (2000, *[heard] * 4)
    assert second.begun == pytest.approx(heard + 4.0)
    assert not second.over


def test_every_second_turn_interrupts_if_there_is_something_to_interrupt() -> None:
    session = Session(HELLO, BYE, interrupts=True)
    session.send(1.0)
    session.answered(9.0, status="")
    begun = session.now
    assert session.send(2.2) == [b"bye"]
    turn = session.talker.turns[-1]
    assert turn.over
    assert turn.begun == pytest.approx(begun + 2.0)
    session.sound(0.1)  # still of the answer before
    late = session.now
    session.say("response.done", response={"status": "cancelled"})
    assert (turn.last_sound, turn.cancelled, turn.sound) == (late, late, None)
    session.answered(3.0)
    assert (turn.started, turn.last_sound, turn.sound) == (late, late, late)
    assert session.send(3.9) == []  # an answer to an interruption is heard out
    assert session.send(0.2) == [b"hel", b"lo"]
    session.answered(1.0)
    assert session.send(1.96) == []  # too short to be interrupted
    assert session.send(0.12) == [b"bye"]
    assert not session.talker.turns[-1].over


def test_an_answer_that_does_not_come_is_given_up() -> None:
    session = Session(HELLO, until=100.0)
    session.send(1.0)
    assert session.send(14.5) == []
    assert session.send(0.2) == [b"hel", b"lo"]
    assert not session.talker.turns[0].answered


def test_an_answer_without_an_end_is_given_up() -> None:
    session = Session(HELLO, until=100.0)
    session.send(1.0)
    session.answered(2.0, status="")
    assert session.send(16.88) == []
    assert session.send(0.24) == [b"hel", b"lo"]


def test_no_turn_begins_after_the_end_but_the_last_is_heard_out() -> None:
    session = Session(HELLO, until=1.0)
    session.send(1.5)
    session.answered(2.0)
    session.send(2.9)
    assert not session.talker.finished
    session.send(0.2)
    assert session.talker.finished
    assert len(session.talker.turns) == 1


def test_errors_are_kept() -> None:
    session = Session(HELLO)
    session.say("error", error={"code": "no_voice"})
    assert session.talker.errors == [{"code": "no_voice"}]


def test_a_recording_is_speech_from_end_to_end() -> None:
    speech = np.full(round(0.1 * WIRE_RATE), 8000, "<i2")
    quiet = np.full(WIRE_RATE, 20, "<i2")
    made = recording(np.concatenate([quiet, speech, quiet]).tobytes())
    assert made.seconds == pytest.approx(0.1)
    assert len(made.frames) == 3
    assert len({len(frame) for frame in [*made.frames, *ROOM]}) == 1
