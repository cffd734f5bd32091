"""The files of a deployment read as data, and what the code says about the same things."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from server.settings import Settings
from tts.workers import cli as tts_worker

ROOT = Path(__file__).parents[2]
SETTINGS = {f"OLA_{name.upper()}" for name in Settings.model_fields}
SERVER_OPTIONS = {"--model", "--host", "--port"}
ENGINE_OPTIONS = {"--gpu-memory-utilization"}
"""vLLM's, as tests/engine/test_options.py finds out."""
PYTHON_METRIC = re.compile(r'"(ola_[a-z_]+)"')


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def filled(text: str) -> str:
    """A value as compose sees it with nothing set: `${NAME:-default}` is the default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def unknown_settings(environment: Mapping[str, str]) -> set[str]:
    return {name for name in environment if name.startswith("OLA_")} - SETTINGS


def check_settings(environment: Mapping[str, str], monkeypatch: Any) -> Settings:
    """The settings as a process with this environment reads them; raises what it would say."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, filled(value))
    return Settings()


def check_command(command: Sequence[str]) -> None:
    """Fails unless the `ola` of this repository takes it."""
    program, subcommand, *options = [filled(word) for word in command]
    assert program == "ola"
    if subcommand == "tts-worker":
        worker = tts_worker.parse(options)
        assert worker.redis
        assert worker.host == "0.0.0.0"
        assert worker.port == 9100
    else:
        assert subcommand == "serve"
        assert set(options[::2]) <= SERVER_OPTIONS | ENGINE_OPTIONS


def metrics() -> set[str]:
    """Names of metrics as the code makes them."""
    return {name for folder in ("server", "tts") for name in _metrics_in((ROOT / folder).rglob("*.py"))}


def _metrics_in(files: Iterable[Path]) -> Iterable[str]:
    for file in files:
        yield from PYTHON_METRIC.findall(file.read_text())
