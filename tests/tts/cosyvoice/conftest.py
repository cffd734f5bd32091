"""Tiny CosyVoice models with random weights, made and loaded once."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.tts.cosyvoice.tiny import build, installed_code
from tts.voices.cosyvoice import CosyVoice, load_cosyvoice


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CosyVoice2."""
    folder = tmp_path_factory.mktemp("cosyvoice") / "tiny2"
    build(2, folder, installed_code())
    return folder


@pytest.fixture(scope="session")
def model(folder: Path) -> Iterator[CosyVoice]:
    model = load_cosyvoice(str(folder), home=installed_code(), slots=4)
    yield model
    anyio.run(model.close)


@pytest.fixture(scope="session")
def first_generation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosyVoice]:
    folder = tmp_path_factory.mktemp("cosyvoice") / "tiny1"
    build(1, folder, installed_code())
    model = load_cosyvoice(str(folder), home=installed_code())
    yield model
    anyio.run(model.close)
