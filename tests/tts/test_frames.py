"""Frames survive any cut of the bytes that carry them."""

import pytest

from tts.voices.frames import Frame, FrameDecoder, Kind

FRAMES = [
    Frame(Kind.SAY, 1, b"{}"),
    Frame(Kind.CANCEL, 1),
    Frame(Kind.AUDIO, 4_000_000_000, bytes(5000)),
    Frame(Kind.DONE, 2),
]


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 4096, 100_000])
def test_frames_come_out_as_they_went_in(size: int) -> None:
    data = b"".join(frame.pack() for frame in FRAMES)
    decoder = FrameDecoder()
    assert [frame for at in range(0, len(data), size) for frame in decoder.feed(data[at : at + size])] == FRAMES


def test_only_the_last_replies_end_a_request() -> None:
    assert [kind for kind in Kind if kind.is_last] == [Kind.STATUS, Kind.DONE, Kind.FAILED]
