"""The random numbers of one unit, kept apart from everybody else's in the process.

CosyVoice draws from torch's global generators. Whoever wants to draw there takes the place of the one before.
"""

from __future__ import annotations

from types import TracebackType

import torch


class Chance:
    """A place in a sequence of random numbers; what is drawn inside `with` goes on where the last time ended."""

    def __init__(self, seed: int, device: torch.device) -> None:
        seed %= 1 << 63
        self._device = device if device.type == "cuda" else None
        self._state = torch.Generator().manual_seed(seed).get_state()
        if self._device:
            self._device_state = torch.Generator(self._device).manual_seed(seed).get_state()

    def __enter__(self) -> None:
        torch.set_rng_state(self._state)
        if self._device:
            torch.cuda.set_rng_state(self._device_state, self._device)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._state = torch.get_rng_state()
        if self._device:
            self._device_state = torch.cuda.get_rng_state(self._device)
