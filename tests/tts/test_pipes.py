"""A child's end of the pipes: frames leave whole, and alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from threading import Thread

import pytest

from tts.voices import pipes
from tts.voices.frames import Frame, FrameDecoder, Kind

CHILD = """
import os
from tts.voices.frames import Frame, Kind
from tts.voices.pipes import own_pipes, send
source, sink = own_pipes()
print("a library's print", flush=True)
send(sink, Frame(Kind.AUDIO, 1, os.read(source, 100)))
os.write(1, b"a library's write")
"""


def test_a_frame_larger_than_the_pipe_leaves_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Frame(Kind.AUDIO, 1, os.urandom(1_000_000)), Frame(Kind.DONE, 1)]
    written: list[int] = []
    write: Callable[[int, memoryview], int] = os.write

    def write_some(sink: int, data: memoryview) -> int:
        written.append(write(sink, data[:10_007]))
        return written[-1]

    monkeypatch.setattr("tts.voices.pipes.os.write", write_some)
    read, sink = os.pipe()

    def send() -> None:
        for frame in frames:
            pipes.send(sink, frame)
        os.close(sink)

    sending = Thread(target=send)
    sending.start()
    with os.fdopen(read, "rb") as source:
        assert FrameDecoder().feed(source.read()) == frames
    sending.join()
    assert len(written) > 100


def test_a_parent_that_is_gone_is_an_error() -> None:
    read, sink = os.pipe()
    os.close(read)
    with pytest.raises(OSError, match="pipe"):
        pipes.send(sink, Frame(Kind.DONE, 1))
    os.close(sink)


def test_nothing_that_is_printed_gets_between_the_frames() -> None:
    child = subprocess.run([sys.executable, "-c", CHILD], input=b"said", capture_output=True, timeout=60, check=True)
    assert FrameDecoder().feed(child.stdout) == [Frame(Kind.AUDIO, 1, b"said")]
    assert child.stderr == b"a library's print\na library's write"
