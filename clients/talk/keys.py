"""Keys on the terminal while a conversation goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import anyio


async def keys() -> AsyncGenerator[str, None]:
    """Each key as it is pressed; none if nobody sits there. Cancelling it gives the terminal back as it was."""
    if not sys.stdin.isatty():
        return
    with _at_once():
        while True:
            await anyio.wait_readable(sys.stdin)
            if not (pressed := os.read(sys.stdin.fileno(), 1)):
                return
            yield pressed.decode(errors="replace")


@contextmanager
def _at_once() -> Iterator[None]:
    """The terminal gives keys without waiting for Enter, and does not show them. Ctrl-C stays what it is."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
