"""Command lines that make no sense end before any server is asked, and before anything slow is imported."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from server.commands import PROGRAMS

SOUND = "models/ola-demo/examples/question.wav"
IMPOSSIBLE = [
    ("chat --image nothing.png Hi", 1, "there is no file nothing.png"),
    ("chat --history FOLDER Hi", 1, "cannot read FOLDER as a conversation"),
    ("chat --history pyproject.toml Hi", 1, "cannot read pyproject.toml as a conversation"),
    ("chat --save a.txt Hi", 1, "its name must end with .wav"),
    ("chat --save nowhere/a.wav Hi", 1, "there is no folder nowhere"),
    ("chat --voice nova Hi", 2, "--voice needs --save FILE or --play"),
    ("chat --lines Hi", 2, "--lines reads the questions from standard input"),
    ("chat", 1, "there is nothing to ask"),
    ("speak Hi", 2, "one of the arguments --save --play is required"),
    ("speak Hi --save a.wav --format mp3", 2, "--format is for --save -"),
    ("speak --save a.wav", 1, "there is nothing to say"),
    ("speak Hi --save a.txt", 1, "its name must end with .wav"),
    ("transcribe nothing.wav", 1, "there is no file nothing.wav"),
    ("transcribe FOLDER", 1, "cannot read FOLDER: Is a directory"),
    (f"transcribe --translate --language de {SOUND}", 2, "--translate takes no --language"),
    ("voices add anna nothing.wav --transcript a --consent b", 1, "there is no file nothing.wav"),
    (f"talk --from {SOUND}", 2, "--from and --to go together"),
    (
        f"talk --from {SOUND} --to a.wav --interrupt 1",
        2,
        "--interrupt is for a recording that is spoken into an answer",
    ),
    (f"talk --from {SOUND} --to a.mp3", 1, "its name must end with .wav or .pcm"),
    ("talk --from pyproject.toml --to a.wav", 1, "cannot read pyproject.toml as sound"),
]


@pytest.mark.parametrize(("line", "code", "said"), IMPOSSIBLE)
def test_what_cannot_be_done(
    line: str, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setattr("sys.stdin", (tmp_path / "empty").open("w+"))
    word, *rest = line.replace("FOLDER", str(tmp_path)).split()
    with sys.stdin, pytest.raises(SystemExit) as ended:
        import_module(PROGRAMS[word][0]).main(rest)
    assert ended.value.code == code
    printed = capsys.readouterr()
    assert not printed.out
    assert said.replace("FOLDER", str(tmp_path)) in printed.err
    assert f"ola {word}" in printed.err
    if code == 1:
        assert len(printed.err.splitlines()) == 1


def test_help_imports_nothing_slow() -> None:
    slow = {"openai", "rich", "numpy", "anyio", "torch", "vllm", "fastapi", "sounddevice"}
    program = f"""
import sys
from server.commands import PROGRAMS, main
for word in PROGRAMS:
    if PROGRAMS[word][0].startswith("clients"):
        try:
            main([word, "--help"])
        except SystemExit as ended:
            assert ended.code == 0
loaded = {slow!r} & sys.modules.keys()
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
