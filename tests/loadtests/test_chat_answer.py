"""One answer asked for and read over a blocking socket, from a real server over a scripted engine and voice."""

from __future__ import annotations

from typing import Any

import pytest
from anyio.to_thread import run_sync

from engine.api import EngineError
from loadtests.users.chat_answer import Received, ask, body, judged, loud
from loadtests.users.watchwords import Lent, Verdict, sentences
from tests.scripted_engine import ScriptedEngine
from tests.server.served import quick_voice, served

pytestmark = pytest.mark.anyio

CONTENT: list[dict[str, Any]] = [{"type": "text", "text": "Hello?"}]


async def answer(engine: ScriptedEngine, *, spoken: bool = False) -> Received:
    async with served(engine, quick_voice()) as server:
        return await run_sync(lambda: ask(str(server.http.base_url), body(CONTENT, spoken=spoken)))


async def test_words_and_sound_are_taken_with_their_times() -> None:
    received = await answer(ScriptedEngine(["Hello ", "there."]), spoken=True)
    assert (received.words, received.error, received.loud) == ("Hello there.", "", True)
    assert received.listener.sound == pytest.approx(0.12, abs=0.01)
    assert received.first_words is not None
    assert received.listener.first_sound is not None
    assert 0 < received.first_words <= received.listener.first_sound <= received.whole


@pytest.mark.parametrize(
    ("engine", "spoken", "why"),
    [
        (ScriptedEngine(refuse=EngineError("Too much.", status=429)), False, "429: .*Too much"),
        (ScriptedEngine(["a ", "b ", "c"], break_at=1), False, "the engine died"),
        (ScriptedEngine([""]), False, "without words"),
        (ScriptedEngine(["..."]), True, "without sound"),
    ],
    ids=["refused", "broken off", "empty", "silent"],
)
async def test_what_is_no_answer_says_why(engine: ScriptedEngine, spoken: bool, why: str) -> None:
    received = await answer(engine, spoken=spoken)
    assert received.error
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(received.error)
    judgement = judged(received, Lent(sentences()[0]), "text", spoken=spoken, at=0.0, users=1)
    assert judgement.verdict is Verdict.FAILED
    assert judgement.error == received.error


def test_nobody_there() -> None:
    assert ask("http://127.0.0.1:9", body(CONTENT, spoken=False)).error.startswith("ConnectionRefusedError")


def test_silence_is_not_loud() -> None:
    assert not loud(bytes(4000))
    assert not loud(b"")
    assert loud(bytes(4000) + b"\xff\x3f" * 32)
