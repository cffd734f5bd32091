"""`ola speak`, `ola transcribe` and `ola voices`: before the demo model, and before a voice that can imitate."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from server.app import create_app
from server.settings import Settings
from server.store import MemoryStore
from tests.clients.running import EXAMPLES, command, environment, ola, ola_process
from tests.demo.words import words
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.serving import serving
from tests.tts.recordings import ScriptedImitator, file
from tts.registry import FileRegistry
from tts.speaker import Speaker

pytestmark = pytest.mark.anyio

QUESTION = EXAMPLES / "question.wav"
ASKED = words("What is three plus four?")


@pytest.mark.engine
async def test_what_is_spoken_into_a_file_is_written_down(demo: str, tmp_path: Path) -> None:
    spoken, written = tmp_path / "morning.mp3", tmp_path / "morning.srt"
    run = await ola(demo, "speak", "--save", str(spoken), "--voice", "nova", stdin="Good morning.\n")
    assert (run.code, run.out, run.err) == (0, "", "")
    run = await ola(demo, "transcribe", str(spoken), str(QUESTION))
    first, second = run.out.splitlines()
    assert words(first.removeprefix(f"{spoken}: ")) == words("Good morning.")
    assert words(second.removeprefix(f"{QUESTION}: ")) == ASKED
    run = await ola(demo, "transcribe", "--format", "srt", "--output", str(written), str(QUESTION))
    assert (run.code, run.out) == (0, "")
    assert "-->" in written.read_text()


@pytest.mark.engine
async def test_sound_goes_through_pipes(demo: str) -> None:
    line = command(["speak", "What is three plus four?", "--save", "-", "--format", "wav"])
    spoken = await anyio.run_process(line, env=environment(demo))
    assert spoken.stdout.startswith(b"RIFF")
    run = await ola_process(demo, "transcribe", "--format", "json", "/dev/stdin", stdin=spoken.stdout)
    assert words(json.loads(run.out)["text"]) == ASKED


@pytest.mark.engine
async def test_a_translation_is_an_answer(demo: str) -> None:
    """The demo model was not taught to translate, so only that there is one."""
    assert (await ola(demo, "transcribe", "--translate", str(QUESTION))).out.strip()


@pytest.mark.engine
async def test_refusals(demo: str, tmp_path: Path) -> None:
    noise, target = tmp_path / "noise.wav", tmp_path / "a.wav"
    noise.write_bytes(b"no sound")
    run = await ola(demo, "transcribe", str(noise))
    assert run.complaint.startswith(f"ola transcribe: {noise}: the recording is damaged")
    run = await ola(demo, "speak", "Hi", "--voice", "bob", "--save", str(target))
    assert run.complaint.startswith("ola speak: Unknown voice 'bob'")
    run = await ola(demo, "speak", "Hi", "--speed", "9", "--save", str(target))
    assert "speed" in run.complaint
    run = await ola(demo, "speak", "Hi", "--instructions", "whisper", "--save", str(target))
    assert run.complaint.startswith("ola speak: ")
    run = await ola(demo, "voices", "add", "anna", str(QUESTION), "--transcript", "a", "--consent", "b")
    assert run.complaint.startswith("ola voices: ")
    assert not target.exists()


async def test_a_voice_comes_and_goes(tmp_path: Path) -> None:
    recording = tmp_path / "anna.wav"
    recording.write_bytes(file())
    adding = (
        "add",
        "anna",
        str(recording),
        "--transcript",
        "What I say.",
        "--consent",
        "I allow it.",
        "--language",
        "de",
    )
    registry = FileRegistry(tmp_path / "voices")
    imitator = ScriptedImitator(seconds_per_char=0.01)
    speaker = Speaker([ScriptedVoice()], {"alloy": "default"}, registry=registry, imitators=[imitator])
    app = create_app(Settings(), ScriptedEngine(), speaker, MemoryStore(60, 10))
    own = ["default\tbuilt-in\ten zh", "alloy\talias\ten zh"]
    async with serving(app) as address:
        assert (await ola(address, "voices")).out.splitlines() == own
        assert (await ola(address, "voices", *adding)).out == "added anna\n"
        assert (await ola(address, "voices", "list")).out.splitlines() == [*own, "anna\trecorded\tde"]
        assert "anna" in (await ola(address, "voices", *adding)).complaint
        listed = json.loads((await ola(address, "voices", "list", "--json")).out)
        assert [voice["name"] for voice in listed] == ["default", "alloy", "anna"]
        assert (await ola(address, "voices", "delete", "anna")).out == "deleted anna\n"
        assert "anna" in (await ola(address, "voices", "delete", "anna")).complaint
