"""Hearing that remembers the full chunks it heard last, so that of a recording that has grown only the end is encoded.

A turn is prefilled while it is spoken. vLLM's own cache knows whole recordings, and a longer one is another to it.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256

import torch
from torch import Tensor

from engine.config import OlaConfig
from engine.model.senses import Hearing

MOST = 64
"""Chunks remembered, half an hour of sound: 70 MB beside the released model."""


class RememberingHearing(Hearing):
    """`Hearing` for serving, without gradients. Chunks are told apart by their samples."""

    def __init__(self, config: OlaConfig) -> None:
        super().__init__(config)
        self._remembered: OrderedDict[bytes, Tensor] = OrderedDict()
        """Rows by the hash of their chunk, the one that was heard last at the end."""

    def forget(self) -> None:
        """The weights have changed."""
        self._remembered.clear()

    def rows(self, chunks: Tensor) -> Tensor:
        samples = chunks.cpu().numpy()
        names = [sha256(chunk).digest() for chunk in samples]
        found = {name: self._remembered[name] for name in names if name in self._remembered}
        new = {name: place for place, name in enumerate(names) if name not in found}
        if new:
            found |= zip(new, super().rows(chunks[list(new.values())]), strict=True)
        for name, chunk in zip(names, samples, strict=True):
            # The last chunk of a recording ends in zeros, and is another as soon as that has grown.
            if chunk[-1]:
                self._remember(name, found[name])
        return torch.stack([found[name] for name in names])

    def _remember(self, name: bytes, rows: Tensor) -> None:
        if name not in self._remembered:
            self._remembered[name] = rows.clone()  # alone: it shall not keep all others of its batch
        self._remembered.move_to_end(name)
        if len(self._remembered) > MOST:
            self._remembered.popitem(last=False)
