"""The demo model's tasks, asked through HTTP on the real engine as `make serve` starts it.

The questions are drawn by `tests.demo`, which shares nothing with the generator that the model was trained on.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from math import sqrt
from pathlib import Path

import httpx
import pytest

from server.welcome import welcome
from tests.demo.ask import SECONDS, Client
from tests.demo.world import TASKS

pytestmark = pytest.mark.engine

DEMO = Path("models/ola-demo")
QUESTIONS, SEED = 12, 1
CURL = """#!{python}
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], sys.stdin.buffer.read(), {{"Content-Type": "application/json"}})
sys.stdout.write(urllib.request.urlopen(request).read().decode())
"""
"""Enough of curl for the commands shown, on machines without it."""


@pytest.mark.anyio
@pytest.mark.parametrize("name", TASKS)
async def test_a_task(demo: str, name: str) -> None:
    """As many right as the bar lets expect of so few, two standard deviations below it at most."""
    task = TASKS[name]
    if missing := task.missing():
        pytest.skip(missing)
    async with httpx.AsyncClient(base_url=demo, timeout=SECONDS) as http:
        answers = await Client(http, "ola-demo").answers(name, SEED, QUESTIONS)
    said = "\n".join(f"{a.question.asked} -> {a.said} (expected {a.question.fact.expected})" for a in answers)
    if task.transcribes:
        wrong, words = (sum(column) for column in zip(*(a.errors for a in answers), strict=True))
        assert wrong <= words * task.bar + 2 * sqrt(words * task.bar), said
        return
    right = sum(a.right for a in answers)
    assert right >= QUESTIONS * task.bar - 2 * sqrt(QUESTIONS * task.bar * (1 - task.bar)), said


def test_the_commands_shown_at_the_start_answer_as_promised(demo: str, tmp_path: Path) -> None:
    curl = tmp_path / "curl"
    curl.write_text(CURL.format(python=sys.executable))
    curl.chmod(0o755)
    commands = welcome(demo, str(DEMO)).split("\n\n")
    assert len(commands) == 3
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for command in commands:
        promised = re.search(r"it should answer: (.*)", command)
        assert promised
        done = subprocess.run(["sh", "-c", command], capture_output=True, env=environment, check=True)
        assert json.loads(done.stdout)["choices"][0]["message"]["content"] == promised[1]


def test_it_says_what_it_is() -> None:
    card = (DEMO / "README.md").read_text(encoding="utf-8")
    assert "demonstration" in card
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) <= 30e6
