"""Hearing that remembers the chunks it heard last, so that of a recording that has grown only the end is encoded.

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
        names = [sha256(chunk.numpy()).digest() for chunk in chunks.cpu()]
        new = {name: chunk for name, chunk in zip(names, chunks, strict=True) if name not in self._remembered}
        if new:
            # Copies, so that one chunk that is remembered does not keep all others of its batch.
            encoded = super().rows(torch.stack(list(new.values())))
            self._remembered |= zip(new, (rows.clone() for rows in encoded), strict=True)
        for name in names:
            self._remembered.move_to_end(name)
        found = torch.stack([self._remembered[name] for name in names])
        while len(self._remembered) > MOST:
            self._remembered.popitem(last=False)
        return found
