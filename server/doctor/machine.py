"""The machine: its GPU, its memory, how many files a process may open."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

from server.doctor.finding import Finding, broken, ok, warning

GIB = 2**30
_LEAST_MEMORY = 4 * GIB
"""The demo model, vLLM and the gateway on a CPU, with vLLM's default cache."""
_LEAST_FILES = 4096
"""256 requests with connections, attachments and pipes, and what the engine opens."""
_PATIENCE_SECONDS = 20
_QUERY = ("--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits")


def gpu(build: str | None, program: str = "nvidia-smi") -> Finding:
    """`build`: the extra that brought the engine, `gpu` or `cpu`; None: there is none."""
    try:
        seen = seen_gpus(program)
    except (OSError, subprocess.SubprocessError) as error:
        if build != "gpu":
            return ok("GPU", "none, and the engine needs none")
        return broken("GPU", f"the engine needs one, but {program} says: {_said(error)}", "Install NVIDIA's driver")
    if build == "cpu":
        return warning("GPU", f"{seen}: not used by the engine's CPU build", "pip install 'ola-serve[gpu]'")
    return ok("GPU", seen)


def seen_gpus(program: str) -> str:
    """Names, MiB free and in all, driver. Raises OSError or SubprocessError."""
    answer = subprocess.run(
        [program, *_QUERY], capture_output=True, text=True, check=True, timeout=_PATIENCE_SECONDS
    ).stdout
    rows = [[field.strip() for field in line.split(",")] for line in answer.splitlines() if line.count(",") == 3]
    if not rows:
        raise OSError("no GPU")
    return "; ".join(f"{name}, {free} of {total} MiB free, driver {driver}" for name, total, free, driver in rows)


def _said(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (error.stderr or error.stdout).strip() or f"exit status {error.returncode}"
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def memory(available: int | None = None) -> Finding:
    """`available` in bytes; None: asks the system."""
    if available is None:
        available = _available()
    shown = f"{available / GIB:.1f} GiB available"
    if available < _LEAST_MEMORY:
        return warning("memory", shown, "Close programs, or give the engine less: VLLM_CPU_KVCACHE_SPACE=1 (in GiB)")
    return ok("memory", shown)


def _available() -> int:
    """With what the system would give back; where it does not say so, what is free."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def open_files(limit: int | None = None) -> Finding:
    """`limit`: None asks the system."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    shown = "no limit" if limit == resource.RLIM_INFINITY else str(limit)
    if limit != resource.RLIM_INFINITY and limit < _LEAST_FILES:
        return warning("open files", shown, f"Many connections need more: ulimit -n {_LEAST_FILES * 4}")
    return ok("open files", shown)


def disk(folder: Path, least: int = 2 * GIB) -> Finding:
    """Room in `folder`, or where it would be made."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    shown = f"{free / GIB:.0f} GiB free in {there}"
    return ok("disk", shown) if free >= least else warning("disk", shown, "Make room: checkpoints need some GiB")
