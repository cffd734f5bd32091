"""Recordings that are spoken and kept, without a server: nobody answers, or the answers are made up."""

from __future__ import annotations

import wave
from pathlib import Path

import anyio
import pytest

from clients.ending import ClientError
from clients.talk.dialogue import Dialogue
from clients.talk.recordings import Recorder, Recordings, recorded
from tests.clients.running import EXAMPLES
from tests.clients.test_dialogue import created, done, sound

pytestmark = pytest.mark.anyio


def test_a_file_becomes_samples_of_the_wire() -> None:
    path = EXAMPLES / "question.wav"
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert len(recorded(path)) == pytest.approx(seconds * 48_000, abs=4)


async def test_somebody_whom_nobody_answers_gives_up(tmp_path: Path) -> None:
    loud = b"\1\1" * 4800
    mouth, said = Recordings([loud], None, first=False, patience=0.6), bytearray()

    async def speak() -> None:
        async for pcm in mouth.sound(Dialogue(mouth.spoken_at), Recorder(tmp_path / "heard.wav")):
            said.extend(pcm)

    with pytest.raises(ClientError, match="no answer came"):
        await speak()
    assert said.strip(b"\0") == loud
    assert said.endswith(bytes(4800))


async def test_the_next_one_is_spoken_into_the_answer(tmp_path: Path) -> None:
    loud, ear = b"\1\1" * 2400, Recorder(tmp_path / "heard.wav")
    mouth = Recordings([loud], 0.2, first=True)
    dialogue, spoken = Dialogue(mouth.spoken_at), False
    async for pcm in mouth.sound(dialogue, ear):
        if not dialogue.turns:
            dialogue.feed(created("r"))
            ear.play(dialogue.sound(sound("r"), anyio.current_time()))
        elif pcm == loud:
            spoken = True
            turn = dialogue.interrupt(ear.drop())
            assert turn is not None
            assert turn.interrupted is not None
            assert turn.interrupted >= 0.2
            dialogue.feed(done("r", "cancelled"))
            dialogue.feed(created("s"))
            dialogue.feed(done("s"))
    assert spoken
    ear.close()
    with wave.open(str(tmp_path / "heard.wav")) as file:
        assert file.getnframes() / 24_000 == pytest.approx(dialogue.turns[0].interrupted, abs=0.001)
