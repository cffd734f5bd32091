"""Is the model there, and do its tensors fit? Downloads nothing."""

from __future__ import annotations

from pathlib import Path

from server.doctor.finding import Finding, broken, ok, warning


def downloads() -> Path:
    """Where checkpoints of the hub are kept."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return Path.home()
    return Path(HF_HUB_CACHE)


def names_no_folder(name: str) -> bool:
    """Whether it is a path, and no hub id, and nothing is there."""
    return (Path(name).is_absolute() or name.startswith(".")) and not Path(name).is_dir()


def model(name: str) -> Finding:
    """`name`: a folder or a hub id, as `ola serve --model` takes it."""
    try:
        from engine.checkpoint import CheckpointError
        from engine.preflight import NotDownloadedError, check_checkpoint
    except ImportError as error:
        return broken("model", f"not looked at: {error}", "pip install 'ola-serve[gpu]' or 'ola-serve[cpu]'")
    if names_no_folder(name):
        return broken("model", f"there is no folder {name}", "Write the folder of a checkpoint, or a hub id")
    try:
        kind = check_checkpoint(name)
    except NotDownloadedError:
        says = f"{name} is not on this machine; its first start downloads it"
        return warning("model", says, f"Let it, or before that: hf download {name}")
    except (CheckpointError, OSError, ValueError) as error:
        return broken("model", f"{name}: {error}", "Download the checkpoint again, or see docs/model.md")
    shown = "every tensor is there and fits" if kind == "ola_qwen" else f"a {kind}, which vLLM knows by itself"
    return ok("model", f"{name}: {shown}")
