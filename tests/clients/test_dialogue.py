"""Turns out of events: words in the order of a conversation, what was heard, who was interrupted."""

from __future__ import annotations

import json
from base64 import b64encode
from types import SimpleNamespace
from typing import Any

from clients.talk.dialogue import Dialogue, Ended, Said, Turn

SECOND = bytes(48_000)


def event(kind: str, **fields: Any) -> Any:
    """As the SDK gives it: attributes all the way down."""
    return json.loads(json.dumps({"type": kind} | fields), object_hook=lambda each: SimpleNamespace(**each))


def started(item: str) -> Any:
    return event("input_audio_buffer.speech_started", item_id=item)


def stopped(item: str, at: int) -> Any:
    return event("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=at)


def understood(item: str, words: str) -> Any:
    return event("conversation.item.input_audio_transcription.completed", item_id=item, transcript=words)


def created(response: str) -> Any:
    return event("response.created", response={"id": response})


def words(response: str, delta: str) -> Any:
    return event("response.output_audio_transcript.delta", response_id=response, delta=delta)


def sound(response: str) -> Any:
    delta = b64encode(SECOND).decode()
    return event("response.output_audio.delta", response_id=response, item_id=f"item of {response}", delta=delta)


def done(response: str, status: str = "completed", code: str = "") -> Any:
    details = {"error": {"code": code}} if code else None
    return event("response.done", response={"id": response, "status": status, "status_details": details})


def dialogue() -> Dialogue:
    return Dialogue(lambda millisecond: 100 + millisecond / 1000)


def fed(talk: Dialogue, *events: Any) -> list[tuple[str, str] | Turn]:
    shown = [piece for each in events for piece in talk.feed(each)]
    return [(piece.who, piece.words) if isinstance(piece, Said) else piece.turn for piece in shown]


def test_the_answer_waits_for_the_words_before_it() -> None:
    talk = dialogue()
    assert fed(talk, started("a"), stopped("a", 2000), created("r"), words("r", "Se"), words("r", "ven")) == []
    assert fed(talk, understood("a", " three plus four ")) == [("you", "three plus four"), ("ola", "Seven")]
    assert fed(talk, words("r", ".")) == [("ola", ".")]
    assert talk.sound(sound("r"), 102.5) == SECOND
    assert talk.sound(sound("r"), 103.0) == SECOND
    (turn,) = fed(talk, done("r"))
    assert isinstance(turn, Turn)
    assert (turn.status, turn.latency, turn.sound, turn.interrupted) == ("completed", 0.5, 2.0, None)
    assert talk.answers == 1


def test_words_that_come_after_the_answer() -> None:
    talk = dialogue()
    assert fed(talk, started("a"), stopped("a", 1), created("r"), words("r", "Yes."), done("r")) == []
    assert fed(talk, event("conversation.item.input_audio_transcription.failed", item_id="a"))[:2] == [
        ("you", "(not understood)"),
        ("ola", "Yes."),
    ]


def test_an_interruption() -> None:
    talk = dialogue()
    fed(talk, created("r"), words("r", "One, two"))
    talk.sound(sound("r"), 1.0)
    talk.sound(sound("r"), 1.1)
    turn = talk.interrupt(0.75)
    assert turn is not None
    assert (turn.interrupted, turn.answer_id) == (1.25, "item of r")
    assert talk.sound(sound("r"), 1.5) == b""
    assert talk.interrupt(0.5) is None
    shown = fed(talk, started("b"), done("r", "cancelled"), stopped("b", 3000), created("s"), understood("b", "stop"))
    assert shown == [turn, ("you", "stop")]
    assert talk.current is not turn


def test_nothing_is_interrupted_when_nothing_plays() -> None:
    talk = dialogue()
    assert talk.interrupt(0.0) is None
    fed(talk, created("r"))
    talk.sound(sound("r"), 1.0)
    fed(talk, done("r"))
    assert talk.interrupt(0.0) is None
    assert talk.turns[0].interrupted is None


def test_somebody_who_is_not_answered_holds_up_nobody() -> None:
    talk = dialogue()
    fed(talk, started("a"), stopped("a", 1), understood("a", "hm"))
    first, second, *_ = fed(talk, started("b"), stopped("b", 2), understood("b", "hello"))
    assert isinstance(first, Turn)
    assert (first.you, first.status) == ("hm", "unanswered")
    assert second == ("you", "hello")


def test_an_answer_that_fails() -> None:
    talk = dialogue()
    (turn,) = fed(talk, created("r"), done("r", "failed", "voice_failed"))
    assert isinstance(turn, Turn)
    assert (turn.status, turn.problem) == ("failed", "voice_failed")
    assert talk.feed(done("of somebody else")) == []


def test_ended_holds_the_turn() -> None:
    talk = dialogue()
    talk.feed(created("r"))
    assert talk.feed(done("r")) == [Ended(talk.turns[0])]
