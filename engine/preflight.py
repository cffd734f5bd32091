"""Whether a checkpoint's tensors fit the model, by name and size alone: known in a second, before an engine starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from torch import Tensor, nn

from engine.checkpoint import (
    CheckpointError,
    Ledger,
    backbone_shapes,
    describe_hearing,
    sense_parameters,
    speech_tensors,
    tensor_shapes,
)
from engine.config import OlaConfig
from engine.model.senses import Hearing, Vision


class Senses(nn.Module):
    """Both senses without the rest of the model."""

    def __init__(self, config: OlaConfig) -> None:
        super().__init__()
        self.vision = Vision(config)
        self.hearing = Hearing(config) if config.hearing else None


def check_tensors(config: OlaConfig, folder: Path, *, quantised: bool) -> None:
    """Compare names and sizes with what `config` asks for. A folder without safetensors is not looked at.

    Raises:
        CheckpointError: with the complete list of missing, left-over or misshapen tensors.
    """
    shapes = tensor_shapes(folder)
    if not shapes:
        return
    with torch.device("meta"):
        own = sense_parameters(Senses(config))
    ledger = Ledger(own, {} if quantised else backbone_shapes(config), config.vocab_size)
    for _ in ledger.route(sizes(shapes, config.speech_files)):
        pass
    ledger.settle()


def sizes(shapes: dict[str, tuple[int, ...]], speech_files: list[str]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a checkpoint, without its values."""
    for name, shape in shapes.items():
        yield name, torch.empty(shape, device="meta")
    for file in speech_files:
        for name, tensor in speech_tensors(file):
            yield name, tensor.to("meta")


class NotDownloadedError(Exception):
    """The hub id names a checkpoint that is not on this machine."""


def check_checkpoint(model: str) -> str:
    """Look at a checkpoint without an engine and without a network; gives its `model_type`. Tensors of Ola are compared
    with what they should be.

    Raises:
        NotDownloadedError: a hub id that is not in the cache.
        CheckpointError: its files are not this model's.
        OSError, ValueError: its configuration cannot be read.
    """
    folder = Path(model)
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(model, local_files_only=True))
        except LocalEntryNotFoundError as error:
            raise NotDownloadedError(model) from error
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", "")
    if kind != OlaConfig.model_type:
        return str(kind)
    config = OlaConfig.from_pretrained(folder)
    describe_hearing(config, folder)
    check_tensors(config, folder, quantised=bool(getattr(config, "quantization_config", None)))
    if not any(folder.glob("*.safetensors")):
        raise CheckpointError(f"{folder} holds no safetensors")
    return str(kind)
