"""Whether a checkpoint's tensors fit the model, by name and size alone: known in a second, before an engine starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.checkpoint import Ledger, backbone_shapes, sense_parameters, speech_tensors, tensor_shapes
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
