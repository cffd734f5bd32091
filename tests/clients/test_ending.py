"""How commands end: with Ctrl-C, a closed pipe, without a server, with a wrong key. A scripted engine waits as told."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import anyio
import pytest

from clients.ending import PIPE_CLOSED, STOPPED
from server.access.access import Access
from tests.clients.running import begun, command, environment, ola, ola_process, rest, until
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import SECRET, SomeKeys
from tests.server.served import served

pytestmark = pytest.mark.anyio

NOWHERE = "http://127.0.0.1:1"


def hanging() -> ScriptedEngine:
    """Says two words and no more."""
    return ScriptedEngine(["Once upon", " a time"], gates={1: anyio.Event()})


async def test_ctrl_c_ends_it_cleanly() -> None:
    async with served(hanging()) as server, await begun(str(server.http.base_url), "chat", "Hi") as process:
        await until(process.stdout, "Once upon")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == STOPPED
        assert await rest(process.stderr) == ""
        await server.idle_after()
        assert await server.engine.running() == 0


async def test_ctrl_c_stops_only_the_answer_of_a_typed_conversation() -> None:
    engine = hanging()
    keyboard, terminal = pty.openpty()
    try:
        async with served(engine) as server, await begun(str(server.http.base_url), "chat", stdin=terminal) as process:
            os.write(keyboard, b"/nonsense\n")
            await until(process.stderr, "ola chat: there is no /nonsense; /help lists what there is")
            os.write(keyboard, b"Hi\n")
            await until(process.stdout, "Once upon")
            process.send_signal(signal.SIGINT)
            await until(process.stderr, "(stopped)")
            engine.gates.clear()
            os.write(keyboard, b"And now?\n")
            await until(process.stdout, "Once upon a time")
            os.write(keyboard, b"/quit\n")
            assert await process.wait() == 0
    finally:
        os.close(keyboard)
        os.close(terminal)
    # What had been said of the stopped answer is part of the conversation.
    said = [message["content"] for message in engine.requests[-1]["messages"]]
    assert [part if isinstance(part, str) else part[0]["text"] for part in said] == ["Hi", "Once upon", "And now?"]


async def test_a_reader_that_has_enough() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    async with served(ScriptedEngine()) as server:
        variables = environment(str(server.http.base_url))
        words = command(["chat", "Hi"])
        run = await anyio.run_process(words, stdout=writer, stderr=subprocess.PIPE, env=variables, check=False)
    os.close(writer)
    assert (run.returncode, run.stderr) == (PIPE_CLOSED, b"")


async def test_the_key() -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys()), key=SECRET) as server:
        address = str(server.http.base_url)
        refused = await ola(address, "chat", "Hi")
        assert refused.complaint.endswith("give it with --api-key or OPENAI_API_KEY")
        assert (await ola(address, "chat", "Hi", "--api-key", SECRET)).out == "Hello there.\n"
        assert (await ola_process(address, "chat", "Hi", OPENAI_API_KEY=SECRET)).out == "Hello there.\n"
        refused = await ola(address, "talk", "--model", "any", *_recordings())
        assert refused.complaint.endswith("give it with --api-key or OPENAI_API_KEY")


def _recordings() -> tuple[str, ...]:
    return ("--from", "models/ola-demo/examples/question.wav", "--to", os.path.join(os.sep, "tmp", "unused.wav"))


async def test_an_answer_that_breaks_off() -> None:
    engine = ScriptedEngine(["Once upon", " a time"], break_at=1)
    async with served(engine) as server:
        run = await ola(str(server.http.base_url), "chat", "Hi")
    assert (run.code, run.out.strip()) == (1, "Once upon")
    assert run.err.strip() == "ola chat: the engine died"


@pytest.mark.parametrize("words", ["chat Hi", "speak Hi --save a.wav", "voices", "transcribe FILE", "talk"])
async def test_without_a_server(words: str, tmp_path: Path) -> None:
    line = words.replace("FILE", "models/ola-demo/examples/question.wav").split()
    extra = _recordings() if words == "talk" else ()
    run = await ola(NOWHERE, *line, *extra)
    start = f"no server answers at {NOWHERE}/v1. Start one with `ola serve`, or name another with --base-url"
    assert run.complaint == f"ola {line[0]}: {start}"


async def test_a_script_ends_at_the_line_that_makes_no_sense() -> None:
    async with served(ScriptedEngine()) as server:
        run = await ola(str(server.http.base_url), "chat", "--lines", stdin="Hi\n/jump\nHi\n")
    assert (run.code, run.out) == (1, "Hello there.\n")
    assert run.err == "ola chat: there is no /jump; /help lists what there is\n"
