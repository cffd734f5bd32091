"""What the Dockerfile says, read as text: hadolint looks at its style, these at what it has to do with the code."""

from __future__ import annotations

import os
import subprocess
import sys
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.pins import ENGINES_OWN, closure, roots
from tests.deploy.files import ROOT

LINES = (ROOT / "Dockerfile").read_text().splitlines()
TARGETS = ("server-gpu", "server-cpu", "tts-worker")


def stages() -> dict[str, list[str]]:
    """Each stage's lines, its base's before its own."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in LINES:
        if line.startswith("FROM "):
            _, base, _, name = line.split()
            found[name] = [*found.get(base, ())]
        elif name:
            found[name].append(line)
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_root_and_somebody_looks(target: str) -> None:
    stage = stages()[target]
    assert [line for line in stage if line.startswith("USER ")][-1] == "USER 10001"
    assert any(line.startswith("HEALTHCHECK ") for line in stage)
    assert any(line.startswith("VOLUME /models") for line in stage)


@pytest.mark.parametrize("target", TARGETS)
def test_dependencies_come_before_the_source(target: str) -> None:
    stage = stages()[target]
    copies = [line for line in stage if line.startswith("COPY ")]
    assert copies[0].startswith("COPY --from=build-")
    assert len(copies) > 1


def test_no_package_index_is_named() -> None:
    """Only pip's own variable, which whoever builds may set."""
    assert not [line for line in LINES if "://" in line and "127.0.0.1" not in line]


@pytest.mark.parametrize("folder", ["server", "engine", "tts", "clients", "models/ola-demo", "pyproject.toml"])
def test_what_is_copied_is_not_ignored(folder: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert f"!{folder}" in ignored
    assert (ROOT / folder).exists()
    assert not any(fnmatch("deploy/secrets/keys.json", line.removeprefix("!")) for line in ignored if line[:1] == "!")


def test_every_dependency_is_pinned_to_what_the_project_takes() -> None:
    lines = (ROOT / "deploy" / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    for needed in map(Requirement, roots()):
        assert needed.specifier.contains(pinned[needed.name]), needed


def test_the_closure_follows_dependencies_and_their_extras() -> None:
    found = closure(roots())
    assert found["redis"] == version("redis")
    assert found["starlette"] == version("starlette")  # FastAPI's
    assert found["httptools"] == version("httptools")  # uvicorn's, for the extra `standard`
    assert not ENGINES_OWN & set(found)
    assert "opentelemetry-sdk" not in closure(roots(extras=()))


def test_a_worker_needs_no_more_than_its_image_holds(tmp_path: Path) -> None:
    """Neither other folders of ours nor torch, which its list of packages leaves out."""
    for line in stages()["tts-worker"]:
        if line.startswith("COPY ") and "--from" not in line:
            folder = line.split()[1]
            (tmp_path / folder).symlink_to(ROOT / folder)
    program = (
        "import sys; sys.modules |= dict.fromkeys(('torch', 'torchaudio', 'transformers', 'vllm', 'huggingface_hub'));"
        "from server.commands import main; from tts.workers import cli;"
        "print(len(cli.loaded(cli.parse([]), None)[0].offer.voices)); main(['tts-worker', '--help'])"
    )
    environment = {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    voices, *usage = done.stdout.splitlines()
    assert int(voices) > 10
    assert usage[0].startswith("usage: ola tts-worker")
