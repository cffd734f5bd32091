"""A compose file's services as plain processes of this machine, started by the file's own commands and environment.

What containers have and processes do not is put in its place by `Here`, and nowhere else.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import Any

import yaml

from tests.deploy.files import filled
from tests.deploy.ports import free_ports
from tests.ola_process import ENVIRONMENT

LISTENS = {"redis": 6379, "tts-worker-1": 9100, "tts-worker-2": 9100, "server": 8000, "prometheus": 9090}
"""The services that are started, as they depend on each other, and the port of each in its container."""
_ENTRYPOINTS = {"prometheus": ["prometheus"]}
"""Of images that are not ours, whose commands are arguments only."""
_UNSAID = {"redis": ["--port", "6379"], "prometheus": ["--web.listen-address=0.0.0.0:9090"]}
"""Ports that an image has by itself."""
_OLA = [sys.executable, "-m", "server.cli"]
_PYTHON = [sys.executable]


@dataclass(frozen=True, slots=True)
class Here:
    """Where things of the containers are on this machine: services by name, their own ports, mounted files."""

    ports: Mapping[str, int]
    mounts: Mapping[str, str] = field(default_factory=dict)
    """Paths in a container, and the paths here that stand for them."""

    def text(self, text: str, service: str = "") -> str:
        """The same, said of this machine; with a `service` said inside its container."""
        text = filled(text)
        for name, port in LISTENS.items():
            text = re.sub(rf"\b{name}:{port}\b", f"127.0.0.1:{self.ports[name]}", text)
        if service:
            own, there = LISTENS[service], self.ports[service]
            text = re.sub(rf"\b(0\.0\.0\.0|127\.0\.0\.1):{own}\b", f"127.0.0.1:{there}", text)
            text = {"0.0.0.0": "127.0.0.1", str(own): str(there)}.get(text, text)
        for path, here in self.mounts.items():
            text = re.sub(rf"(?<![\w./-]){path}\b", here, text)
        return text


class Composed:
    """The services of one compose file, all of them or none."""

    def __init__(self, file: Path, folder: Path) -> None:
        """`folder` is for what they write. Nothing is started yet."""
        self._services: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text())["services"]
        self._folder, self._file = folder, file
        self.ports = dict(zip(LISTENS, free_ports(len(LISTENS)), strict=True))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def start(self) -> None:
        """Return when all are healthy, each started after what it depends on was. AssertionError if one ends."""
        for name in LISTENS:
            for needed, how in self._services[name].get("depends_on", {}).items():
                if how["condition"] == "service_healthy":
                    self._until_healthy(needed)
            self._start(name)
        for name in LISTENS:
            self._until_healthy(name)

    def stop(self) -> dict[str, int]:
        """Exit statuses. Each is stopped as compose does it: SIGTERM, and time; the last started first."""
        statuses = {}
        for name, process in reversed(self._processes.items()):
            process.send_signal(signal.SIGTERM)
            grace = self._services[name].get("stop_grace_period", "10s")
            statuses[name] = process.wait(float(grace.removesuffix("s")))
        return statuses

    def kill(self) -> None:
        """Whatever is left of them."""
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def said(self, service: str) -> str:
        """What it printed last."""
        return (self._folder / f"{service}.txt").read_text()[-4000:]

    def _start(self, name: str) -> None:
        service, folder = self._services[name], self._folder / name
        folder.mkdir()
        here = Here(self.ports, self._mounted(name, folder))
        command = [*_ENTRYPOINTS.get(name, ()), *service["command"], *_UNSAID.get(name, ())]
        command = self._program([here.text(word, name) for word in command])
        given = {key: here.text(value, name) for key, value in service.get("environment", {}).items()}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("OLA_")}
        with (self._folder / f"{name}.txt").open("wb") as output:
            self._processes[name] = subprocess.Popen(
                command,
                env=inherited | ENVIRONMENT | given | {"PYTHONPATH": os.getcwd()},
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def _mounted(self, name: str, folder: Path) -> dict[str, str]:
        """What is mounted into its container: a folder of files, said of this machine, or room of its own."""
        mounts, service = {}, self._services[name]
        for secret in (*service.get("configs", ()), *service.get("secrets", ())):
            (folder / secret["source"]).write_text("none")
            mounts[secret["target"]] = str(folder / secret["source"])
        for volume in service.get("volumes", ()):
            source, target = volume.split(":")[:2]
            place = folder / target.strip("/").replace("/", "-")
            place.mkdir()
            if source.startswith("."):
                for file in (self._file.parent / source).iterdir():
                    (place / file.name).write_text(Here(self.ports, mounts).text(file.read_text()))
            mounts[target] = str(place)
        return mounts

    def _program(self, command: Sequence[str]) -> list[str]:
        match command:
            case ["ola", *rest]:
                return [*_OLA, *rest]
            case ["python", *rest]:
                return [*_PYTHON, *rest]
            case ["redis-cli", *rest]:
                return ["redis-cli", "-p", str(self.ports["redis"]), *rest]
        return list(command)

    def _until_healthy(self, name: str) -> None:
        """By the file's own check, which is asked again and again, as compose asks it."""
        kind, *check = self._services[name]["healthcheck"]["test"]
        assert kind == "CMD", kind
        command = self._program([Here(self.ports).text(word, name) for word in check])
        while subprocess.run(command, capture_output=True, check=False).returncode:
            for begun, process in self._processes.items():
                assert process.poll() is None, f"{begun} ended:\n{self.said(begun)}"
            sleep(0.2)
