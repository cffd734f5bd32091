"""Counts the bytes of decoded media that this process holds, from their being asked for to their being garbage."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from server.media.errors import MediaError
from server.media.job import Array


class Memory:
    """A bound on them. `give_way` is called when it is reached, and may let go of some."""

    def __init__(self, max_bytes: int, give_way: Callable[[], None]) -> None:
        self.held = 0
        self._max_bytes, self._give_way = max_bytes, give_way

    def take(self, size: int) -> None:
        """Count `size` bytes as held.

        Raises:
            MediaError: there is no room for them now (429).
        """
        if self.held + size > self._max_bytes:
            self._give_way()
        if self.held + size > self._max_bytes:
            raise MediaError("the server holds as much media as it can; try again soon.", status=429)
        self.held += size

    def give_back(self, size: int) -> None:
        self.held -= size

    def watch(self, arrays: list[Array]) -> None:
        """Give the bytes of `arrays` back when nobody has them or a part of them any more."""
        for array in arrays:
            memory = array.base
            assert memory is not None
            weakref.finalize(memory, self.give_back, array.nbytes).atexit = False
