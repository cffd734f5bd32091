"""What processes hold, by /proc, and whether they come to hold more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import pytest

from loadtests.users import watching
from loadtests.users.growth import LIMITS, Growth, grown
from loadtests.users.report import hold_row
from loadtests.users.watching import Held, held, loop_tasks
from tests.scripted_engine import ScriptedEngine
from tests.server.served import served

CHILD = "import time; held = bytearray(50 << 20); print(flush=True); time.sleep(600)"


def test_a_process_is_seen_with_its_family() -> None:
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE))
        stack.callback(process.kill)
        assert process.stdout is not None
        process.stdout.readline()
        (alone,) = held(process.pid, lambda: 7)
        assert alone.name == "server"
        assert alone.processes == alone.threads == 1
        assert 50 < alone.mib < 80
        assert alone.tasks == 7
        before = {one.name: one for one in held(os.getpid(), lambda: None)}
        stack.enter_context(open(os.devnull))
        after = {one.name: one for one in held(os.getpid(), lambda: None)}
        assert sum(one.processes for one in after.values()) >= 2
        assert after["server"].files == before["server"].files + 1


def test_what_has_ended_holds_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert held(process.pid, lambda: None) == []


@pytest.mark.anyio
async def test_a_server_tells_of_its_tasks() -> None:
    import anyio

    async with served(ScriptedEngine()) as server:
        host = str(server.http.base_url)
        before = await anyio.to_thread.run_sync(loop_tasks, host)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(anyio.sleep_forever)
            await anyio.lowlevel.checkpoint()
            during = await anyio.to_thread.run_sync(loop_tasks, host)
            group.cancel_scope.cancel()
    assert before is not None
    assert during is not None
    assert during - before >= 19


def test_watching_writes_what_it_sees(tmp_path: Path) -> None:
    with watching.watching(os.getpid(), "http://127.0.0.1:9", tmp_path, every=600):
        pass
    seen = watching.read(tmp_path)
    assert seen[0].name == "server"
    assert seen[0].tasks is None  # nobody answers there
    assert watching.read(tmp_path / "elsewhere") == []


def recorded(folder: Path, mib: list[float]) -> None:
    """One look a minute."""
    lines = [json.dumps(asdict(Held(60.0 * number, "server", 1, each, 20, 8, 5))) for number, each in enumerate(mib)]
    (folder / watching.FILE).write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("mib", "flat"),
    [
        ([100.0 + 100 * min(minute / 10, 1) for minute in range(60)], True),  # fills its caches
        ([100.0 + 30 * (minute % 2) for minute in range(60)], True),
        ([100.0 + 5 * minute for minute in range(60)], False),
    ],
    ids=["warms up", "goes up and down", "leaks"],
)
def test_what_grows_after_the_warming_up_is_a_leak(mib: list[float], flat: bool, tmp_path: Path) -> None:
    recorded(tmp_path, mib)
    growths = {growth.figure: growth for growth in grown(tmp_path)}
    assert list(growths) == list(LIMITS)
    assert growths["mib"].flat == flat
    assert all(growths[figure] == Growth("server", figure, value, value, 0) for figure, value in EVEN.items())
    assert hold_row(growths["mib"])[-1] == ("yes" if flat else "NO")
    if not flat:
        assert growths["mib"].per_hour == pytest.approx(300)


EVEN = {"files": 20, "threads": 8, "tasks": 5}
