"""Modules that CosyVoice's code imports without needing them to speak, for as long as it is being imported.

What is installed is always preferred. The code keeps its references; everybody else never sees these.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tts.voices.cosyvoice.fbank import fbank

_TO_TRAIN = (("pyarrow", "pyarrow.parquet"), ("pyworld",), ("conformer",))
_TO_DOWNLOAD = (("modelscope",),)
_TO_NORMALIZE_TEXT = (("wetext",),)


class _Unneeded:
    """Can be built and subclassed, and does nothing."""

    def __init__(self, *arguments: object, **named: object) -> None:
        pass


class _StandIn(ModuleType):
    """An empty module; every name in it that was not set is a class that does nothing."""

    def __init__(self, name: str, **names: object) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, loader=None, is_package=True)
        self.__path__: list[str] = []
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if loaded := sys.modules.get(f"{self.__name__}.{name}"):  # by an earlier stand-in of this name
            return loaded
        return type(name, (_Unneeded,), {})


@contextmanager
def standing_in(matcha: Path) -> Iterator[None]:
    """Have stand-ins for what is not installed, and for the training utilities of Matcha, whose package is given."""
    before = dict(sys.modules)
    try:
        for names in (*_TO_TRAIN, *_TO_DOWNLOAD, *_TO_NORMALIZE_TEXT):
            if not _works(*names):
                for name in names:
                    _put(_StandIn(name))
        if not _works("torchaudio", "torchaudio.compliance.kaldi", "torchaudio.transforms"):
            _put_torchaudio()
        # Its own __init__ imports what trains it; of its modules two are needed, and one of those its package's logger.
        utilities = _StandIn("matcha.utils")
        utilities.__path__ = [str(matcha / "utils")]
        _put(utilities)
        _put(_StandIn("matcha.utils.pylogger", get_pylogger=logging.getLogger))
        yield
    finally:
        stood_in = [name for name, module in sys.modules.items() if isinstance(module, _StandIn)]
        for name in stood_in:
            del sys.modules[name]
            if name in before:
                sys.modules[name] = before[name]


def _works(*names: str) -> bool:
    try:
        for name in names:
            importlib.import_module(name)
    except (ImportError, OSError, RuntimeError):  # torchaudio built for another torch
        for name in [loaded for loaded in sys.modules if loaded.split(".")[0] == names[0].split(".")[0]]:
            del sys.modules[name]
        return False
    return True


def _put_torchaudio() -> None:
    _put(_StandIn("torchaudio", load=_no_files))
    _put(_StandIn("torchaudio.compliance"))
    _put(_StandIn("torchaudio.compliance.kaldi", fbank=fbank))
    _put(_StandIn("torchaudio.transforms"))


def _put(module: _StandIn) -> None:
    sys.modules[module.__name__] = module
    parent, _, child = module.__name__.rpartition(".")
    if parent:
        setattr(importlib.import_module(parent), child, module)


def _no_files(*arguments: object, **named: object) -> None:
    raise RuntimeError("Recordings are decoded before they come here.")
