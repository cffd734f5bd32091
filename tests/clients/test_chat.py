"""`ola chat` as a process, before the demo model: attachments, pipes, spoken answers, conversations in files."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import av
import pytest

from tests.clients.running import EXAMPLES, SEEN, SUM, ola, ola_process

pytestmark = [pytest.mark.engine, pytest.mark.anyio]


def seconds_of(path: Path) -> float:
    with av.open(str(path)) as file:
        return float(sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0)))


async def test_a_question_in_a_pipe_about_a_picture(demo: str) -> None:
    run = await ola_process(demo, "chat", "--image", str(EXAMPLES / "shapes.png"), stdin="What do you see?\n")
    assert (run.code, run.out, run.err) == (0, f"{SEEN}\n", "")


async def test_a_spoken_question_needs_no_text(demo: str) -> None:
    run = await ola(demo, "chat", "--sound", str(EXAMPLES / "question.wav"))
    assert (run.code, run.out) == (0, f"{SUM}\n")


async def test_an_answer_about_a_video_is_spoken_into_a_file(demo: str, tmp_path: Path) -> None:
    saved, question = tmp_path / "answer.wav", "Does the voice name the moving shape?"
    words = ("--video", str(EXAMPLES / "clip.mp4"), "--save", str(saved), "--voice", "nova", question)
    run = await ola(demo, "chat", *words)
    assert (run.code, run.out) == (0, "Yes, the voice names the star.\n")
    assert run.err == f"saved {saved}\n"
    with wave.open(str(saved)) as file:
        assert file.getframerate() == 24_000
        assert any(file.readframes(file.getnframes()))
        assert 1 < file.getnframes() / 24_000 < 6


async def test_a_script_holds_a_conversation_that_is_kept(demo: str, tmp_path: Path) -> None:
    kept, saved = tmp_path / "talk.json", tmp_path / "answer.opus"
    lines = f'Hello.\n\n/image "{EXAMPLES / "shapes.png"}" What do you see?\n'
    words = ("--lines", "--json", "--history", str(kept), "--save", str(saved), "--system", "You are Ola.")
    run = await ola(demo, "chat", *words, stdin=lines)
    assert run.code == 0, run.err
    first, second = map(json.loads, run.out.splitlines())
    assert first["text"].startswith("Hello")
    assert (second["text"], second["finish_reason"], second["voice"]) == (SEEN, "stop", "default")
    assert (first["file"], second["file"]) == (str(saved), str(tmp_path / "answer-2.opus"))
    assert 0 < second["seconds"]["first_text"] <= second["seconds"]["first_sound"] <= second["seconds"]["all"]
    assert second["usage"]["prompt_tokens_details"]["image_tokens"] > 0
    assert seconds_of(tmp_path / "answer-2.opus") > seconds_of(saved) > 0.5

    messages = json.loads(kept.read_text())
    assert [message["role"] for message in messages] == ["system", *["user", "assistant"] * 2]
    again = await ola(demo, "chat", "--history", str(kept), "--json", "What day comes after Monday?")
    assert "Tuesday" in json.loads(again.out)["text"]
    # The picture was before the model once more.
    assert json.loads(again.out)["usage"]["prompt_tokens_details"]["image_tokens"] > 0
    assert len(json.loads(kept.read_text())) == len(messages) + 2


async def test_what_the_server_refuses_is_said_in_a_line(demo: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no picture")
    run = await ola(demo, "chat", "--image", str(damaged), "What do you see?")
    assert run.complaint == f"ola chat: {damaged}: the image is damaged or of an unknown format."
    run = await ola(demo, "chat", "--voice", "bob", "--save", str(tmp_path / "a.mp3"), "Hello.")
    assert run.complaint.startswith("ola chat: Unknown voice 'bob'. Known voices: default")
    assert run.complaint.endswith("`ola voices` lists them.")
    assert not (tmp_path / "a.mp3").exists()
    run = await ola(demo, "chat", "--model", "nobody", "Hello.")
    assert run.complaint.endswith("Leave --model out to use the server's own.")
    run = await ola(demo, "chat", "--base-url", demo, "Hello.")
    assert run.complaint.endswith("--base-url mostly ends with /v1")
