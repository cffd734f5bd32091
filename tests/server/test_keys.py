"""Where keys are kept, and the command that makes and revokes them: both stores, changed while they are in use."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.access.keys import cli
from server.access.keys.files import FileKeys
from server.access.keys.hashes import RedisKeys
from server.access.keys.key import KeyRecord, KeysError, KeyStore, TakenKeyNameError, digest_of, new_secret
from server.access.limits.quota import Quota
from tests.redis_server import redis_server
from tests.server.keys import connected

pytestmark = pytest.mark.anyio

ANNA, BERT = digest_of(b"anna's"), digest_of(b"bert's")


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server(tcp=True) as server:  # whose databases have numbers in its URL
        yield server.url


@asynccontextmanager
async def opened(kind: str, path: Path, url: str) -> AsyncIterator[tuple[KeyStore, KeyStore]]:
    """Two stores of the same keys, as of two processes."""
    if kind == "file":
        yield FileKeys(path), FileKeys(path)
        return
    async with connected(url) as one, connected(url) as two:
        await one.flushall()
        yield RedisKeys(one), RedisKeys(two)


@pytest.fixture(params=["file", "redis"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, redis_url: str
) -> AsyncIterator[tuple[KeyStore, KeyStore]]:
    async with opened(request.param, tmp_path / "keys.json", redis_url) as both:
        yield both


async def test_a_key_is_found_by_every_process_until_it_is_revoked(stores: tuple[KeyStore, KeyStore]) -> None:
    admin, server = stores
    assert await server.find(ANNA) is None
    await admin.add("anna", KeyRecord(sha256=ANNA, limits=Quota(requests_per_minute=5)))
    await admin.add("bert", KeyRecord(sha256=BERT, scope="metrics"))
    found = await server.find(ANNA)
    assert found is not None
    assert (found.name, found.digest, found.scope, found.quota.requests_per_minute) == ("anna", ANNA, "all", 5)
    assert list(await server.records()) == ["anna", "bert"]
    assert await admin.remove("anna")
    assert await server.find(ANNA) is None
    assert await server.find(BERT) is not None
    assert not await admin.remove("anna")


async def test_the_head_of_a_digest_is_not_enough(stores: tuple[KeyStore, KeyStore]) -> None:
    admin, server = stores
    await admin.add("anna", KeyRecord(sha256=ANNA))
    assert await server.find(ANNA[:32] + BERT[32:]) is None
    assert await server.find(ANNA) is not None


async def test_names_are_taken_once(stores: tuple[KeyStore, KeyStore]) -> None:
    admin, _ = stores
    await admin.add("anna", KeyRecord(sha256=ANNA))
    with pytest.raises(TakenKeyNameError):
        await admin.add("anna", KeyRecord(sha256=BERT))
    assert await admin.find(BERT) is None


async def test_default_limits_hold_where_a_key_says_nothing(stores: tuple[KeyStore, KeyStore]) -> None:
    admin, server = stores
    await admin.add("anna", KeyRecord(sha256=ANNA, limits=Quota(requests_per_minute=None, concurrent_requests=2)))
    await admin.set_default_limits(Quota(requests_per_minute=60, concurrent_requests=9, concurrent_sessions=3))
    found = await server.find(ANNA)
    assert found is not None
    assert found.quota == Quota(requests_per_minute=None, concurrent_requests=2, concurrent_sessions=3)
    assert (await server.default_limits()).requests_per_minute == 60


async def test_no_secret_is_kept_and_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    secret = new_secret()
    await FileKeys(path).add("anna", KeyRecord(sha256=digest_of(secret.encode())))
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["keys.json"]


@pytest.mark.parametrize("damage", ['{"keys": {', '{"keys": {"anna": {"sha256": "short"}}}', '{"key": {}}', None])
async def test_a_file_that_breaks_leaves_the_keys_as_they_were(
    tmp_path: Path, damage: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    await FileKeys(path).add("anna", KeyRecord(sha256=ANNA))
    server = FileKeys(path)
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    assert await server.find(ANNA) is not None
    assert "The keys stay as they were" in caplog.text
    path.write_text("{}")
    assert await server.find(ANNA) is None


async def test_a_file_that_is_wrong_from_the_start_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"keys": {"anna": {"sha256": "short"}}}')
    with pytest.raises(KeysError, match="anna"):
        FileKeys(path)


async def test_a_redis_that_is_gone_is_an_error_and_not_a_refusal(tmp_path: Path) -> None:
    async with connected(f"unix://{tmp_path}/nothing") as redis:
        with pytest.raises(KeysError):
            await RedisKeys(redis).find(ANNA)


def test_writers_do_not_lose_each_others_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    program = (
        "import anyio, sys; from pathlib import Path; from server.access.keys.files import FileKeys; "
        "from server.access.keys.key import *\n"
        "async def add():\n for i in range(20): await FileKeys(Path(sys.argv[1])).add(f'{sys.argv[2]}{i}', "
        "KeyRecord(sha256=digest_of(new_secret().encode())))\nanyio.run(add)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(json.loads(path.read_text())["keys"]) == 40


# The command


@pytest.fixture(params=["file", "redis"])
def at(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OLA_REDIS_URL", f"{redis_url}?db=1")
    monkeypatch.setenv("OLA_KEYS", "redis" if request.param == "redis" else str(tmp_path / "deep" / "keys.json"))
    return str(request.param)


def test_the_command_makes_lists_and_revokes(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["create", "anna", "--requests-per-minute", "5", "--concurrent-sessions", "none"])
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("sk-ola-")
    assert len(secret) > 40
    cli.main(["default", "--requests-per-minute", "60", "--concurrent-sessions", "2"])
    cli.main(["list"])
    listed = capsys.readouterr().out
    assert "requests_per_minute=5, concurrent_sessions=none" in listed
    assert "default: requests_per_minute=60, concurrent_sessions=2" in listed
    assert secret not in listed
    assert digest_of(secret.encode()) not in listed
    with pytest.raises(SystemExit, match="there is a key called anna already"):
        cli.main(["create", "anna"])
    cli.main(["revoke", "anna"])
    with pytest.raises(SystemExit, match="no key called anna"):
        cli.main(["revoke", "anna"])


def test_the_command_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="OLA_KEYS is not set"):
        cli.main(["list"])
    monkeypatch.setenv("OLA_KEYS", "redis")
    with pytest.raises(SystemExit, match="OLA_KEYS=redis needs OLA_REDIS_URL"):
        cli.main(["list"])
    with pytest.raises(SystemExit):
        cli.main(["create", "anna", "--requests-per-minute", "0"])
    assert "requests-per-minute" in capsys.readouterr().err
