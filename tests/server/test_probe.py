"""The health check of our images, as they start it."""

from __future__ import annotations

import subprocess
import sys

import anyio
import anyio.to_thread
import pytest

from tests.scripted_engine import ScriptedEngine
from tests.server.served import quick_voice, served

pytestmark = pytest.mark.anyio


def probe(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.probe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def test_its_status_is_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # is for other machines
    engine = ScriptedEngine()
    async with served(engine, quick_voice()) as server:
        address = str(server.http.base_url).rstrip("/")
        well = await anyio.to_thread.run_sync(probe, f"{address}/ready")
        assert (well.returncode, well.stderr) == (0, "")
        engine.alive = False
        ill = await anyio.to_thread.run_sync(probe, f"{address}/health")
    assert ill.returncode == 1
    assert "503" in ill.stderr
    assert "The engine is dead." in ill.stderr


@pytest.mark.parametrize("arguments", [(), ("nonsense",), ("http://127.0.0.1:1/health",)])
def test_nobody_there(arguments: tuple[str, ...]) -> None:
    done = probe(*arguments)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
