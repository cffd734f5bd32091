"""A sign on a terminal that something is being done; nothing where nobody would see it."""

from __future__ import annotations

import sys
from typing import Any


class Sign:
    """Shown on standard error until it is stopped, once or more often."""

    def __init__(self, doing: str) -> None:
        self._status: Any = None
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status(doing)
            self._status.start()

    def update(self, doing: str) -> None:
        if self._status is not None:
            self._status.update(doing)

    def stop(self) -> None:
        """Nothing of it stays on the screen."""
        if self._status is not None:
            self._status.stop()
