"""The commands of clients/ as a user runs them: as processes where there are pipes, terminals, signals or devices; else
in this one, because starting one takes a second."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest import mock

import anyio
from anyio.abc import ByteReceiveStream, Process

from server.commands import main

EXAMPLES = Path("models/ola-demo/examples").resolve()
ROOT = Path(__file__).parents[2]
SEEN = "I see an orange star, a white cross and an orange square."
"""The demo's answer to shapes.png."""
SUM = "Three plus four is seven."
"""To question.wav."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line that it failed with."""
        assert self.code == 1, self
        assert not self.out, self
        (line,) = self.err.splitlines()
        return line


def environment(address: str, **more: str) -> dict[str, str]:
    """Variables of a command whose server is at `address`."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ours = {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": "none", "PYTHONPATH": paths}
    return os.environ | ours | more


async def ola(address: str, *words: str, stdin: str = "") -> Ran:
    """Run `ola` with these words, in a thread. Cancelling waits for its end."""
    out, err = io.StringIO(), io.StringIO()
    where = [] if "--base-url" in words else ["--base-url", f"{address}/v1"]

    def run() -> int:
        try:
            main([*words, *where])
        except SystemExit as ended:
            return cast(int, ended.code)
        return 0

    with redirect_stdout(out), redirect_stderr(err), mock.patch("sys.stdin", io.StringIO(stdin)):
        code = await anyio.to_thread.run_sync(run)
    return Ran(code, out.getvalue(), err.getvalue())


async def ola_process(address: str, *words: str, stdin: str | bytes = "", **more: str) -> Ran:
    """The same in a process, with more variables. Cancelling ends it."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    run = await anyio.run_process(command(words), input=given, env=environment(address, **more), check=False)
    return Ran(run.returncode, run.stdout.decode(), run.stderr.decode())


async def begun(address: str, *words: str, stdin: int = subprocess.DEVNULL, **more: str) -> Process:
    """The same, not waited for; to be used as a context."""
    return await anyio.open_process(command(words), stdin=stdin, env=environment(address, **more))


def command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "server.commands", *words]


async def until(stream: ByteReceiveStream | None, text: str) -> str:
    """What comes up to and including `text`; AssertionError if it never does."""
    assert stream is not None
    come = ""
    try:
        while text not in come:
            come += (await stream.receive()).decode()
    except anyio.EndOfStream:
        raise AssertionError(f"{text!r} is not in {come!r}") from None
    return come


async def rest(stream: ByteReceiveStream | None) -> str:
    """All that still comes."""
    assert stream is not None
    return b"".join([piece async for piece in stream]).decode()
