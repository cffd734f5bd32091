"""Both registries: what is added is found, by every process, whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis

from tests.redis_server import redis_server
from tests.tts.recordings import recorded
from tts.recorded import Registry
from tts.registry import FileRegistry, RedisRegistry, RegistryError

pytestmark = pytest.mark.anyio

STRANGE = ["../../x", "/etc/passwd", "..", "", "a\0b", "a\nb", "安娜", "x" * 5000, "\ud800", "{ola:voices}"]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server(tcp=True) as server:
        yield server.url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    redis: Any = Redis.from_url(url)
    try:
        yield redis
    finally:
        await redis.aclose()


Both = tuple[Registry, Registry]


@pytest.fixture(params=["files", "redis"])
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Both]:
    """Two registries of one deployment, as in two processes."""
    if request.param == "files":
        yield FileRegistry(tmp_path / "voices"), FileRegistry(tmp_path / "voices")
        return
    async with connected(request.getfixturevalue("redis_url")) as redis:
        await redis.flushall()
        yield RedisRegistry(redis), RedisRegistry(redis)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_one_adds_the_other_finds(both: Both) -> None:
    one, other = both
    assert await one.names() == []
    assert await one.get("anna") is None
    assert await one.add(recorded("bert"))
    assert await one.add(recorded("anna", recording=bytes(range(256)) * 1000))
    assert await other.names() == ["anna", "bert"]
    assert await other.get("anna") == recorded("anna", recording=bytes(range(256)) * 1000)
    assert await other.get("carl") is None


async def test_a_name_is_given_once(both: Both) -> None:
    one, other = both
    assert await one.add(recorded(transcript="first"))
    assert not await other.add(recorded(transcript="second"))
    assert await other.get("anna") == recorded(transcript="first")


async def test_one_of_many_at_once_gets_the_name(both: Both) -> None:
    added: list[str] = []

    async def add(number: int) -> None:
        if await both[number % 2].add(recorded(transcript=str(number))):
            added.append(str(number))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(add, number)
    assert len(added) == 1
    assert await both[0].get("anna") == recorded(transcript=added[0])


async def test_a_change_is_seen_by_the_next_call(both: Both) -> None:
    one, other = both
    for transcript in ("first", "second"):
        await one.add(recorded(transcript=transcript))
        assert await other.get("anna") == recorded(transcript=transcript)
        assert await one.delete("anna")
        assert await other.get("anna") is None
        assert await other.names() == []
    assert not await other.delete("anna")


async def test_an_unchanged_recording_is_not_read_again(both: Both) -> None:
    await both[0].add(recorded(recording=bytes(1000)))
    first = await both[1].get("anna")
    assert await both[1].get("anna") is first


async def test_memory_is_bounded(both: Both) -> None:
    for number in range(40):
        await both[0].add(recorded(str(number)))
        await both[0].get(str(number))
    first = await both[0].get("0")
    assert first == recorded("0")
    assert len(both[0]._memory._known) == 32  # type: ignore[attr-defined]


async def test_names_are_keys_never_paths(both: Both, tmp_path: Path) -> None:
    for name in STRANGE:
        assert await both[0].add(recorded(name))
        assert await both[1].get(name) == recorded(name)
    assert await both[0].names() == sorted(STRANGE)
    assert {path.parent for path in files(tmp_path)} <= {tmp_path / "voices"}
    for name in STRANGE:
        assert await both[0].delete(name)
    assert not files(tmp_path)


# Files


async def test_nobody_else_can_read_the_files(tmp_path: Path) -> None:
    await FileRegistry(tmp_path / "voices").add(recorded())
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_damaged_files_cost_no_other_voice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry = FileRegistry(tmp_path)
    await registry.add(recorded("anna", recording=bytes(1000)))
    (file,) = files(tmp_path)
    await registry.add(recorded("bert"))
    os.truncate(file, 500)
    assert await registry.get("anna") is None
    (tmp_path / "garbage.voice").write_bytes(b"\xff\xfe")
    assert await registry.names() == ["anna", "bert"]
    assert "damaged" in caplog.text
    assert await registry.delete("anna")


async def test_a_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for registry in (FileRegistry(tmp_path / "file"), FileRegistry(tmp_path / "file" / "voices")):
        with pytest.raises(RegistryError):
            await registry.add(recorded())
        with pytest.raises(RegistryError):
            await registry.get("anna")


ADDING = """
import asyncio, sys
from pathlib import Path
from tests.tts.recordings import recorded
from tts.registry import FileRegistry

async def add_for_ever():
    registry = FileRegistry(Path(sys.argv[1]))
    print("begun", flush=True)
    while True:
        await registry.add(recorded(recording=bytes(3_000_000)))
        await registry.delete("anna")

asyncio.run(add_for_ever())
"""


async def test_a_killed_process_leaves_whole_voices_and_no_lock(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path)
    adding = await anyio.open_process([sys.executable, "-c", ADDING, str(tmp_path)])
    assert adding.stdout is not None
    await adding.stdout.receive()
    found: set[bool] = set()
    # Read while it writes: a voice is whole or not there.
    while found != {True, False}:
        kept = await registry.get("anna")
        assert kept is None or len(kept.recording) == 3_000_000
        found.add(kept is None)
    adding.kill()
    await adding.aclose()
    assert await registry.get("anna") in (None, recorded(recording=bytes(3_000_000)))
    assert await registry.delete("anna") in (True, False)
    with anyio.fail_after(5):
        assert await registry.add(recorded("bert"))
    assert len(files(tmp_path)) == 1


async def test_what_a_crash_left_goes_with_the_next_change(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path)
    (tmp_path / "unfinished").write_bytes(b"half a recording")
    assert await registry.names() == []
    await registry.delete("anna")
    assert not files(tmp_path)


# Redis


async def test_without_redis_it_is_an_error() -> None:
    with redis_server(tcp=True) as server:
        pass  # and it is gone
    async with connected(server.url) as redis:
        registry = RedisRegistry(redis)
        for call in (registry.names(), registry.get("anna"), registry.add(recorded()), registry.delete("anna")):
            with pytest.raises(RegistryError):
                await call


async def test_redis_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tts.registry.hashes._PATIENCE", 0.3)
    with redis_server(tcp=True) as server:
        async with connected(server.url) as redis:
            registry = RedisRegistry(redis)
            await registry.add(recorded())
            server.send(signal.SIGSTOP)
            with anyio.fail_after(10), pytest.raises(RegistryError, match="TimeoutError"):
                await registry.get("anna")
            server.send(signal.SIGCONT)
            assert await registry.get("anna") == recorded()


async def test_nothing_is_left_in_redis_of_a_deleted_voice(redis_url: str) -> None:
    async with connected(redis_url) as redis:
        await redis.flushall()
        registry = RedisRegistry(redis)
        await registry.add(recorded())
        assert await redis.dbsize() == 2
        await registry.delete("anna")
        assert await redis.dbsize() == 0


async def test_damage_in_redis_is_an_error(redis_url: str) -> None:
    async with connected(redis_url) as redis:
        await redis.flushall()
        await redis.hset("{ola:voices}", "anna", 32 * "1" + "no head")
        await redis.hset("{ola:voices}:recordings", 32 * "1", "no recording")
        with pytest.raises(RegistryError):
            await RedisRegistry(redis).get("anna")
