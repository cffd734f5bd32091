"""The loudspeaker and the microphone through PortAudio and ALSA, whose devices are files here, or missing."""

from __future__ import annotations

import importlib
import sys
import wave
from pathlib import Path

import anyio
import numpy as np
import numpy.typing as npt
import pytest

from tests.clients.running import environment, ola_process

pytestmark = [pytest.mark.anyio]

NOWHERE = "http://127.0.0.1:1"
_ALSA = """
pcm.!default {{ type file slave.pcm "null" file "{heard}" infile "{spoken}" format "raw" }}
pcm.null {{ type null }}
"""
# Devices that are files do not keep to the time: seconds of sound wait at once.
_LISTEN = """
import anyio, sys
from contextlib import aclosing
from clients.talk import microphone
from clients.talk.microphone import Microphone

microphone._WAITING = 10_000

async def main():
    come = b""
    async with aclosing(Microphone().sound()) as sound:
        async for pcm in sound:
            come += pcm
            if len(come) >= 24_000:
                break
    sys.stdout.buffer.write(come[:24_000])

anyio.run(main)
"""


def has_portaudio() -> bool:
    try:
        importlib.import_module("sounddevice")
    except (ImportError, OSError):
        return False
    return True


needs_portaudio = pytest.mark.skipif(not has_portaudio(), reason="PortAudio is not installed (libportaudio2)")


@pytest.fixture
def devices(tmp_path: Path) -> dict[str, str]:
    """Variables with which there are devices: files."""
    settings, spoken = tmp_path / "asound.conf", tmp_path / "spoken.raw"
    spoken.write_bytes(bytes(range(256)) * 400)
    settings.write_text(_ALSA.format(heard=tmp_path / "heard.raw", spoken=spoken))
    return {"ALSA_CONFIG_PATH": str(settings)}


def sounding(pcm: bytes) -> npt.NDArray[np.int16]:
    """The samples that are not silent."""
    samples = np.frombuffer(pcm, "<i2")
    heard: npt.NDArray[np.int16] = samples[samples != 0]
    return heard


@needs_portaudio
@pytest.mark.engine
async def test_an_answer_is_played_while_it_is_saved(demo: str, tmp_path: Path, devices: dict[str, str]) -> None:
    saved = tmp_path / "answer.wav"
    run = await ola_process(demo, "chat", "--play", "--save", str(saved), "Hello.", **devices)
    assert run.code == 0, run.err
    with wave.open(str(saved)) as file:
        answer = file.readframes(file.getnframes())
    assert len(answer) > 24_000
    played = (tmp_path / "heard.raw").read_bytes()
    # Sound that comes later than the last was played is played behind a silence; nothing is lost or comes twice.
    assert np.array_equal(sounding(played), sounding(answer))
    assert len(played) >= len(answer)


@needs_portaudio
@pytest.mark.engine
async def test_a_text_is_played(demo: str, tmp_path: Path, devices: dict[str, str]) -> None:
    run = await ola_process(demo, "speak", "Good morning.", "--play", **devices)
    assert (run.code, run.err) == (0, "")
    assert len((tmp_path / "heard.raw").read_bytes().strip(b"\0")) > 24_000


@needs_portaudio
async def test_the_microphone_is_heard(tmp_path: Path, devices: dict[str, str]) -> None:
    program = [sys.executable, "-c", _LISTEN]
    run = await anyio.run_process(program, env=environment(NOWHERE, **devices), check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout == (tmp_path / "spoken.raw").read_bytes()[:24_000]


@needs_portaudio
@pytest.mark.parametrize("words", ["speak Hi --play", "talk"])
async def test_without_a_device(words: str, tmp_path: Path) -> None:
    settings = tmp_path / "asound.conf"
    settings.write_text("pcm.none { type hw card 99 }")
    run = await ola_process(NOWHERE, *words.split(), ALSA_CONFIG_PATH=str(settings))
    assert "there is no loudspeaker to play on" in run.complaint


async def test_without_the_package(tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise ImportError")
    words = ["talk", "--base-url", NOWHERE]
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from server.commands import main; main({words!r})"
    run = await anyio.run_process([sys.executable, "-c", program], check=False)
    assert run.returncode == 1
    assert run.stderr.decode() == "ola talk: sound devices need a package: pip install 'ola-serve[voice]'\n"
