"""What can be wrong with a model folder or with CosyVoice's code, and what loading them must not change."""

import logging
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import torch

from tests.tts.cosyvoice.speaking import THEIR_WARNINGS, link
from tests.tts.cosyvoice.tiny import installed_code
from tts.voice import VoiceError
from tts.voices.cosyvoice import load_cosyvoice

pytestmark = [*THEIR_WARNINGS]
CHECKOUT = os.environ.get("COSYVOICE_HOME")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"no folder .*nowhere"):
        load_cosyvoice(str(tmp_path / "nowhere"), home=installed_code())


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"cosyvoice3\.yaml"):
        load_cosyvoice(str(tmp_path), home=installed_code())


def test_a_folder_that_lacks_files(tmp_path: Path) -> None:
    (tmp_path / "cosyvoice2.yaml").touch()
    with pytest.raises(VoiceError, match=r"llm\.pt, .*CosyVoice-BlankEN"):
        load_cosyvoice(str(tmp_path), home=installed_code())


@pytest.mark.parametrize("name", ["llm.pt", "cosyvoice2.yaml", "campplus.onnx"])
def test_a_corrupt_file(folder: Path, tmp_path: Path, name: str) -> None:
    link(folder, tmp_path, without=name)
    (tmp_path / name).write_bytes(b"!corrupt: [" * 50)
    with pytest.raises(VoiceError, match="cannot be loaded"):
        load_cosyvoice(str(tmp_path), home=installed_code())


def test_weights_of_another_model(folder: Path, tmp_path: Path) -> None:
    link(folder, tmp_path, without="flow.pt")
    torch.save({"some.weight": torch.zeros(1)}, tmp_path / "flow.pt")
    with pytest.raises(VoiceError, match="cannot be loaded: RuntimeError"):
        load_cosyvoice(str(tmp_path), home=installed_code())


def test_a_speaker_without_an_embedding(folder: Path, tmp_path: Path) -> None:
    link(folder, tmp_path, without="spk2info.pt")
    torch.save({"nobody": {"speech_feat": torch.zeros(1)}}, tmp_path / "spk2info.pt")
    with pytest.raises(VoiceError, match="nobody"):
        load_cosyvoice(str(tmp_path), home=installed_code())


def test_a_hub_id_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(VoiceError, match="no folder and cannot be had"):
        load_cosyvoice("FunAudioLLM/CosyVoice2-0.5B", home=installed_code())


def test_a_home_without_the_code(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="no CosyVoice checkout"):
        load_cosyvoice(str(folder), home=tmp_path)


def test_a_checkout_without_its_submodule(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cosyvoice" / "cli").mkdir(parents=True)
    (tmp_path / "cosyvoice" / "cli" / "cosyvoice.py").touch()
    (tmp_path / "third_party" / "Matcha-TTS").mkdir(parents=True)
    with pytest.raises(VoiceError, match="git submodule update"):
        load_cosyvoice(str(folder), home=tmp_path)


def test_code_that_is_nowhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matcha")  # as in a process that has loaded none yet
    with pytest.raises(VoiceError, match="no cosyvoice_home was named"):
        load_cosyvoice(str(folder))


def test_code_that_is_too_old(tmp_path: Path) -> None:
    (tmp_path / "CosyVoice-BlankEN").mkdir()
    names = ("cosyvoice3.yaml", "llm.pt", "flow.pt", "hift.pt", "campplus.onnx", "speech_tokenizer_v3.onnx")
    for name in (*names, "CosyVoice-BlankEN/config.json"):
        (tmp_path / name).touch()
    with pytest.raises(VoiceError, match="too old: it has no CosyVoice3"):
        load_cosyvoice(str(tmp_path), home=installed_code())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("switch", ["fp16", "tensorrt"])
def test_switches_that_need_a_gpu_are_not_ignored(folder: Path, switch: str) -> None:
    with pytest.raises(VoiceError, match="CUDA"):
        load_cosyvoice(str(folder), home=installed_code(), **{switch: True})


def test_the_process_is_left_as_it_was(folder: Path) -> None:
    def state() -> list[Any]:
        root = logging.getLogger()
        numbers = (
            random.getstate()[1],
            np.random.get_state(legacy=False)["state"]["key"].tolist(),
            torch.get_rng_state().tolist(),
        )
        modules = [name for name in ("torchaudio", "modelscope", "wetext", "matcha.utils") if name in sys.modules]
        return [root.level, list(root.handlers), *numbers, list(sys.path), modules]

    random.seed(5)
    torch.manual_seed(5)
    before = state()
    anyio.run(load_cosyvoice(str(folder), home=installed_code()).close)
    assert state() == before


@pytest.mark.skipif(CHECKOUT is None, reason="no package holds CosyVoice3's code; COSYVOICE_HOME names no checkout")
def test_an_upstream_checkout(tmp_path: Path) -> None:
    """Every generation, in a process of its own each: this one has loaded other code."""
    for number in (1, 2, 3):
        program = [sys.executable, "-m", "tests.tts.cosyvoice.checkout", str(number), str(tmp_path), str(CHECKOUT)]
        subprocess.run(program, check=True, timeout=240)
