"""Whoever wants to know what attachments cost. Knows no Prometheus."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from server.media.shelf import Found


class Figures(Protocol):
    """Hears of every attachment; no method waits. `kind` is "image", "video" or "sound"."""

    def received(self, kind: str, size: int) -> None:
        """So many bytes were sent."""
        ...

    def found(self, found: Found) -> None:
        """Whether it had to be decoded."""
        ...

    def decoding(self, kind: str) -> AbstractContextManager[object]:
        """The block decodes one; that may wait for a free decoder."""
        ...


class NoFigures:
    """Nobody wants to know."""

    def received(self, kind: str, size: int) -> None: ...
    def found(self, found: Found) -> None: ...

    def decoding(self, kind: str) -> AbstractContextManager[object]:
        return nullcontext()
