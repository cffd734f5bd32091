"""Locust's users against servers whose answers are known, and against the demo model.

Locust patches the process that it is in: here it is always another one.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import anyio
import pytest

from loadtests.users import answers, report
from loadtests.users.answers import KINDS
from loadtests.users.watchwords import Verdict
from tests.demo.sounds import can_speak
from tests.scripted_engine import ScriptedEngine
from tests.server.served import quick_voice, served

pytestmark = pytest.mark.anyio

SENTENCE = re.compile(r"I see [a-z ]+\.")


class Echo(ScriptedEngine):
    """Repeats the sentence of each request."""

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        said = await self.said(SENTENCE.findall(json.dumps(request["messages"]))[-1])
        async with aclosing(ScriptedEngine([said]).stream_chat(request)) as events:
            async for event in events:
                yield event

    async def said(self, sentence: str) -> str:
        return sentence


class MixedUp(Echo):
    """Repeats the sentence of the request before, and to the first one that of the second, which it waits for."""

    def __init__(self) -> None:
        super().__init__()
        self._sentences: list[str] = []
        self._two = anyio.Event()

    async def said(self, sentence: str) -> str:
        number = len(self._sentences)
        self._sentences.append(sentence)
        if number:
            self._two.set()
        await self._two.wait()
        return self._sentences[number - 1] if number else self._sentences[1]


async def asked(host: str, folder: Path, *options: str) -> CompletedProcess[bytes]:
    """The command of `make loadtest` with these options and with targets of correctness only."""
    command = [sys.executable, "-m", "loadtests.loadtest", "--host", host, "--into", str(folder), "--untimed", *options]
    return await anyio.run_process(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})


def missed(done: CompletedProcess[bytes]) -> list[str]:
    return re.findall(r"^MISS (\S+):", done.stderr.decode(), re.MULTILINE)


TEXTS = ("--kinds", "text", "--phases", "300x2", "--answers", "6")


async def test_a_target_that_is_missed_fails_the_run(tmp_path: Path) -> None:
    async with served(Echo(), quick_voice()) as server:
        done = await asked(str(server.http.base_url), tmp_path, *TEXTS, "--target", "first-words-p95=0")
    assert done.returncode == 1
    assert missed(done) == ["first-words-p95"]
    assert {answer.verdict for answer in answers.read(tmp_path)} == {Verdict.RIGHT}


async def test_a_server_that_mixes_up_answers_is_caught(tmp_path: Path) -> None:
    async with served(MixedUp(), quick_voice()) as server:
        done = await asked(str(server.http.base_url), tmp_path, *TEXTS, "--target", "right=0")
    assert done.returncode == 1
    assert missed(done) == ["stolen"]
    # These two were asked at the same time.
    first, second = sorted(answers.read(tmp_path), key=lambda answer: answer.at)[:2]
    assert first.verdict is second.verdict is Verdict.STOLEN
    assert (first.said, second.said) == (second.asked, first.asked)


async def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    done = await asked("http://127.0.0.1:9", tmp_path, "--target", "speed=3")
    assert done.returncode == 1
    assert "no target 'speed'" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.engine
@pytest.mark.skipif(not can_speak(), reason="espeak-ng is not on the path (Debian: apt-get install espeak-ng)")
async def test_the_demo_model_under_all_kinds_of_users(demo: str, tmp_path: Path) -> None:
    # Of so few answers a fifth or two may be the model's own mistakes.
    mix = ("--phases", "600x4", "--answers", "16", "--target", "right=0.5")
    done = await asked(demo, tmp_path, *mix)
    assert done.returncode == 0, done.stderr.decode()
    given = answers.read(tmp_path)
    assert {answer.kind for answer in given} == set(KINDS)
    assert all(answer.heard == answer.spoken for answer in given)
    assert all(answer.sound > 0.5 for answer in given if answer.spoken)
    assert "someone else's" in done.stdout.decode()
    assert (tmp_path / report.PICTURE).read_bytes().startswith(b"\x89PNG")
