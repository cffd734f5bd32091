"""A user's conversation, driven by hand: what he makes of the answers that he hears."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from loadtests.talker import APPEND, ROOM, Recording
from loadtests.users.answers import Answer
from loadtests.users.conversation import INTERRUPTS_AFTER, PATIENCE, Conversation
from loadtests.users.watchwords import Lent, Verdict, sums
from tts.voice import WIRE_RATE

FIRST, SECOND, OTHER = sums()[:3]
SAID = Recording([b"sum"] * 10, 0.4)
RIGHT = {word.said: f"It is {word.marks[-1]}." for word in (FIRST, SECOND)}


class Session:
    """The conversation's clock and its server."""

    def __init__(self, turns: int = 1, *, interrupts: bool = False) -> None:
        self.lent = [Lent(word, [OTHER]) for word in (FIRST, SECOND)[:turns]]
        self.conversation = Conversation([SAID] * turns, self.lent, interrupts=interrupts)
        self.appends = 0

    def send(self, seconds: float = APPEND) -> None:
        for _ in range(round(seconds / APPEND)):
            self.conversation.next(self.appends * APPEND)
            self.appends += 1

    def until_spoken(self) -> None:
        """Silence, and all of the next turn."""
        while self.conversation.next(self.appends * APPEND) in ROOM:
            self.appends += 1
        self.appends += 1
        self.send((len(SAID.frames) - 1) * APPEND)

    def say(self, kind: str, **fields: Any) -> None:
        self.conversation.hear(json.dumps({"type": kind, **fields}).encode(), self.appends * APPEND)

    def begin(self, name: str, words: str) -> None:
        self.say("input_audio_buffer.speech_stopped", audio_end_ms=round(1000 * self.appends * APPEND))
        self.say("response.created", response={"id": name, "status": "in_progress"})
        self.say("response.output_audio_transcript.delta", response_id=name, delta=words)

    def sound(self, name: str, seconds: float) -> None:
        pcm = base64.b64encode(bytes(2 * round(seconds * WIRE_RATE))).decode()
        self.say("response.output_audio.delta", response_id=name, delta=pcm)

    def done(self, name: str, status: str = "completed") -> None:
        self.say("response.done", response={"id": name, "status": status})

    def answers(self) -> list[Answer]:
        return list(self.conversation.answers(1000.0, users=3))


def test_an_answer_is_heard_and_judged() -> None:
    session = Session()
    session.until_spoken()
    assert not session.conversation.finished
    session.send(0.4)
    session.begin("a", RIGHT[FIRST.said])
    session.send(0.12)
    session.sound("a", 0.2)
    session.send(0.4)
    session.sound("a", 0.3)
    session.done("a")
    assert session.conversation.finished
    (answer,) = session.answers()
    assert answer.verdict is Verdict.RIGHT
    assert (answer.kind, answer.spoken, answer.users, answer.asked) == ("realtime", True, 3, FIRST.said)
    assert answer.first_words == pytest.approx(0.4)
    assert answer.first_sound == pytest.approx(0.52)
    assert answer.sound == pytest.approx(0.5)
    assert answer.stops == pytest.approx((0.2,))
    assert answer.whole == pytest.approx(0.92)
    assert answer.hushed is None


def test_what_another_one_asked_is_not_for_him() -> None:
    session = Session()
    session.until_spoken()
    session.begin("a", " and ".join(map(str, OTHER.marks)))
    session.sound("a", 0.2)
    session.done("a")
    assert session.answers()[0].verdict is Verdict.STOLEN


@pytest.mark.parametrize(("words", "verdict"), [(RIGHT[FIRST.said], Verdict.RIGHT), ("It", Verdict.CUT)])
def test_an_interrupted_answer_need_not_be_whole(words: str, verdict: Verdict) -> None:
    session = Session(2, interrupts=True)
    session.until_spoken()
    session.begin("a", words)
    session.sound("a", 5.0)
    session.send(INTERRUPTS_AFTER)
    session.send(0.2)  # he speaks
    session.say("input_audio_buffer.speech_started", audio_start_ms=0)
    session.done("a", "cancelled")
    session.send(0.3)
    session.begin("b", RIGHT[SECOND.said])
    session.sound("b", 0.2)
    session.done("b")
    assert session.conversation.finished
    first, second = session.answers()
    assert (first.verdict, first.error) == (verdict, "")
    assert second.verdict is Verdict.RIGHT
    assert second.hushed == pytest.approx(0.2, abs=APPEND)


def test_who_goes_on_after_a_pause_is_answered_at_the_end() -> None:
    session = Session()
    session.send(0.6)
    session.begin("a", "Hello!")  # in the middle of what he says
    session.done("a", "cancelled")
    session.send(1.0)
    assert not session.conversation.finished
    session.begin("b", RIGHT[FIRST.said])
    session.sound("b", 0.2)
    session.done("b")
    (answer,) = session.answers()
    assert answer.verdict is Verdict.RIGHT
    assert answer.first_sound is not None
    assert answer.first_sound > 0.5


def test_what_is_missing_fails() -> None:
    session = Session()
    session.until_spoken()
    session.send(PATIENCE + 1)
    assert session.conversation.finished
    assert [(answer.verdict, answer.error) for answer in session.answers()] == [(Verdict.FAILED, "no answer")]
    session.say("error", error={"code": "broken"})
    assert "broken" in session.answers()[0].error
