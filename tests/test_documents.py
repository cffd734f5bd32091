"""Every block of code in the documents: run against the demo model's server, or marked with why it is not.

The mark is a comment above the block: `<!-- not run: needs a GPU -->`. What readers are supposed to have (a picture,
something that plays sound) is laid ready here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "models" / "ola-demo" / "examples"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ELSEWHERE = {"clients"}
"""Pages that tests/clients/test_guide.py runs."""
ADDRESS = "127.0.0.1:8000"
RUN, DATA, TEXT = {"sh", "python"}, {"json"}, {"", "js"}
PRELUDE = """\
words_as_they_are_written = ["The sea ", "is wide."]


def play(sound: bytes) -> None:
    assert sound


"""
_MARK = r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?"
_BLOCK = re.compile(_MARK + r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    code: str
    reason: str | None
    """Why it is not run."""


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [Block(match["language"], match["code"], match["reason"]) for match in _BLOCK.finditer(text)]
    assert 2 * len(found) == len(re.findall("^```", text, re.M)), f"{page.name}: a fence of another form"
    return found


def code(page: Path, language: str) -> str:
    """A page's blocks are one program: later ones use what earlier ones made."""
    return "\n".join(block.code for block in blocks(page) if block.language == language and block.reason is None)


def pages(language: str) -> list[Any]:
    return [pytest.param(page, id=page.stem) for page in PAGES if page.stem not in ELSEWHERE and code(page, language)]


def documents(text: str) -> Iterator[Any]:
    """JSON, one value after the other."""
    at = 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = json.JSONDecoder().raw_decode(text, at)
        yield value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader is: beside the models, with files of his own."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "models").symlink_to(ROOT / "models")
    for given, made in (("shapes.png", "picture.jpg"), ("question.wav", "talk.mp3")):
        subprocess.run(["ffmpeg", "-v", "error", "-i", EXAMPLES / given, folder / made], check=True)
    return folder


def run(command: list[str], folder: Path) -> str:
    """What it printed; it must end well."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", pages("python"))
def test_its_python_runs(page: Path, demo: str, folder: Path) -> None:
    program = folder / f"{page.stem}.py"
    program.write_text(PRELUDE + code(page, "python").replace(ADDRESS, demo.removeprefix("http://")), encoding="utf-8")
    run([sys.executable, str(program)], folder)


@pytest.mark.parametrize("page", pages("sh"))
def test_its_commands_run(page: Path, demo: str, folder: Path) -> None:
    commands = code(page, "sh").replace(ADDRESS, demo.removeprefix("http://"))
    assert '"error"' not in run(["bash", "-euo", "pipefail", "-c", commands], folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_nothing_else_looks_like_code(page: Path) -> None:
    for block in blocks(page):
        assert block.language in RUN | DATA | TEXT
        if block.language in DATA:
            assert list(documents(block.code))
