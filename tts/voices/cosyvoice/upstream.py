"""Loads a model folder with CosyVoice's own code, from wherever that lies, and leaves the process as it was.

Its code sets the root logger to DEBUG, seeds every random number generator, is no package that could be installed, and
was written for other versions of its libraries: `repairs.py` has what is done about the last.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from tts.voice import VoiceError
from tts.voices.cosyvoice.folder import Generation
from tts.voices.cosyvoice.repairs import float32_weights, repair, seed_requests
from tts.voices.cosyvoice.standins import standing_in

_MATCHA = ("matcha", "third_party/Matcha-TTS/matcha")
"""Where the package lies: beside the code, or in the checkout's submodule."""


def load(folder: Path, generation: Generation, home: Path | None, *, fp16: bool, vllm: bool, tensorrt: bool) -> Any:
    """CosyVoice's own object for this folder, repaired and checked.

    Raises:
        VoiceError: there is no code for it, the folder cannot be loaded, or a known fault of the code is not repaired.
    """
    if (fp16 or tensorrt) and not torch.cuda.is_available():
        raise VoiceError("fp16 and TensorRT need a CUDA device, and there is none.")
    if vllm and generation.number == 1:
        raise VoiceError("vLLM does not run CosyVoice's first generation; only CosyVoice2 and CosyVoice3.")
    # Asked before there may be a stand-in, for it remembers the answer.
    importlib.import_module("transformers.utils").is_torchaudio_available()
    with undisturbed(), code(home) as module:
        maker = getattr(module, generation.code, None)
        if maker is None:
            raise VoiceError(f"The CosyVoice code in {_place(module)} is too old: it has no {generation.code}.")
        try:
            with float32_weights():
                own = maker(str(folder), fp16=fp16, load_trt=tensorrt)
            repair(own, generation)
            if vllm:  # not by the constructor, which leaves it out without a word where there is no CUDA
                own.model.load_vllm(str(folder / "vllm"))
                seed_requests(own.model.llm)
        except VoiceError:
            raise
        # Whatever a broken file, a broken driver or another version of a library makes of it.
        except Exception as error:
            raise VoiceError(f"{folder} cannot be loaded: {type(error).__name__}: {error}") from error
        return own


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, CosyVoice's code may be imported and its objects made; afterwards log and chance are as before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    numbers = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    # While it has a handler, basicConfig changes nothing.
    root.addHandler(guard := logging.NullHandler())
    try:
        # It prints, and a worker's standard output may be spoken for. Its warnings are for those who change its code.
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeHandler(guard)
        root.handlers[:], root.level = handlers, level
        random.setstate(numbers[0])
        np.random.set_state(numbers[1])
        torch.set_rng_state(numbers[2])
        if devices:
            torch.cuda.set_rng_state_all(devices)


@contextmanager
def code(home: Path | None) -> Iterator[ModuleType]:
    """`cosyvoice.cli.cosyvoice` from this checkout, or the one on the path; inside, what it needs can be imported.

    Raises:
        VoiceError: there is none, or what it needs is not installed.
    """
    if home is not None:
        _check_home(home)
    matcha = _matcha(home)
    if home is not None:
        _check_loaded(home)
    with ExitStack() as stack:
        for place in (home, matcha.parent):
            if place is not None:
                stack.enter_context(_on_path(place))
        stack.enter_context(standing_in(matcha))
        try:
            module = importlib.import_module("cosyvoice.cli.cosyvoice")
        except ImportError as error:
            raise VoiceError(
                f"CosyVoice's code cannot be imported ({error}). Name a checkout of it as cosyvoice_home, and install "
                "what it needs: pip install 'ola-serve[cosyvoice]'. The package named cosyvoice on PyPI is not it."
            ) from error
        yield module


def _check_home(home: Path) -> None:
    if not (home / "cosyvoice" / "cli" / "cosyvoice.py").is_file():
        raise VoiceError(f"{home} is no CosyVoice checkout: there is no cosyvoice/cli/cosyvoice.py in it.")


def _check_loaded(home: Path) -> None:
    """One process loads one copy of the code."""
    loaded = sys.modules.get("cosyvoice.cli.cosyvoice")
    if loaded is not None and Path(_place(loaded)).resolve().parents[2] != home.resolve():
        raise VoiceError(f"This process has loaded other CosyVoice code already: {_place(loaded)}.")


def _matcha(home: Path | None) -> Path:
    if home is None:
        spec = importlib.util.find_spec("matcha")
        if spec is None or not spec.submodule_search_locations:
            raise VoiceError("No CosyVoice code: no cosyvoice_home was named, and matcha is not on Python's path.")
        return Path(spec.submodule_search_locations[0])
    for place in _MATCHA:
        if (home / place / "models").is_dir():
            return home / place
    raise VoiceError(f"{home} lacks Matcha-TTS: run `git submodule update --init` in it.")


@contextmanager
def _on_path(place: Path) -> Iterator[None]:
    sys.path.insert(0, str(place))
    try:
        yield
    finally:
        sys.path.remove(str(place))


def _place(module: ModuleType) -> str:
    return str(module.__file__)
