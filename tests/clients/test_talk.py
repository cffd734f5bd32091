"""`ola talk` before the demo model: recordings instead of devices, an answer interrupted by a voice and by a key."""

from __future__ import annotations

import json
import os
import pty
import wave
from pathlib import Path

import pytest

from tests.clients.running import EXAMPLES, SUM, begun, ola, rest, until
from tests.demo.words import words

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

QUESTION = str(EXAMPLES / "question.wav")
COUNT = "Count to twenty."
ASKED = "What is three plus four?"


def seconds_of(path: Path) -> float:
    with wave.open(str(path)) as file:
        assert file.getframerate() == 24_000
        return int(file.getnframes()) / 24_000


async def test_a_spoken_question_is_answered_into_a_file(demo: str, tmp_path: Path) -> None:
    heard = tmp_path / "answer.wav"
    run = await ola(demo, "talk", "--from", QUESTION, "--to", str(heard), "--voice", "nova")
    assert run.code == 0, run.err
    you, answer = run.out.splitlines()
    assert words(you.removeprefix("you: ")) == words(ASKED)
    assert answer == f"ola: {SUM}"
    assert "after you stopped" in run.err
    assert 1 < seconds_of(heard) < 6


async def test_a_voice_interrupts_an_answer(demo: str, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    line = ("--greeting", COUNT, "--from", QUESTION, "--interrupt", "1", "--to", str(heard), "--json")
    run = await ola(demo, "talk", *line)
    assert run.code == 0, run.err
    counting, answered = map(json.loads, run.out.splitlines())
    assert (counting["you"], counting["status"]) == (None, "cancelled")
    assert counting["ola"].startswith("One, two")
    # Not before the second that was asked for; and speech has to begin before anybody can notice it.
    assert counting["interrupted_after_seconds"] >= 1
    assert (answered["status"], answered["ola"]) == ("completed", SUM)
    assert words(answered["you"]) == words(ASKED)
    assert answered["first_sound_seconds"] > 0
    # What was dropped is not in the file.
    assert seconds_of(heard) == pytest.approx(counting["heard_seconds"] + answered["heard_seconds"], abs=0.01)


async def test_a_key_interrupts_an_answer(demo: str, tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()
    line = ("--greeting", COUNT, "--from", QUESTION, "--to", str(tmp_path / "heard.wav"))
    try:
        async with await begun(demo, "talk", *line, stdin=terminal) as process:
            await until(process.stdout, "ola: One")
            os.write(keyboard, b" ")
            answer = await until(process.stdout, f"ola: {SUM}")
            os.write(keyboard, b"q")
            assert await process.wait() == 0
            said = await rest(process.stderr)
    finally:
        os.close(keyboard)
        os.close(terminal)
    assert words(answer.splitlines()[-2].removeprefix("you: ")) == words(ASKED)
    assert "interrupted after" in said
    assert "ola talk:" not in said


async def test_what_the_server_refuses(demo: str, tmp_path: Path) -> None:
    line = ("--from", QUESTION, "--to", str(tmp_path / "heard.wav"))
    run = await ola(demo, "talk", *line, "--voice", "bob")
    assert "there is no voice 'bob'" in run.complaint
    run = await ola(demo, "talk", *line, "--model", "nobody")
    assert run.complaint.startswith("ola talk: the server has no model 'nobody'")
    assert not (tmp_path / "heard.wav").exists()
