"""A child's end of the pipes to its parent. Knows no voice, and imports nothing that a small program does not need."""

from __future__ import annotations

import os

from tts.voices.frames import Frame


def own_pipes() -> tuple[int, int]:
    """File descriptors of what the parent says and of what it hears, for frames alone.

    Standard output is standard error from then on: whatever a voice or a library prints must not get between the
    frames.
    """
    source, sink = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    return source, sink


def send(sink: int, frame: Frame) -> None:
    """Write all of `frame`, however little the pipe takes at a time. Blocks while the parent does not read.

    Raises:
        OSError: the parent is gone.
    """
    data = memoryview(frame.pack())
    while data:
        data = data[os.write(sink, data) :]
