"""The sound of a unit out of what workers wrote of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts.voice import VoiceError
from tts.workers.track import Track

SOUND = bytes(range(200))


def chunks(sizes: list[int]) -> list[bytes]:
    """The sound in chunks of these many samples, and what is left."""
    made, at = [], 0
    for size in sizes:
        made.append(SOUND[at : at + 2 * size])
        at += 2 * size
    return [*made, SOUND[at:]]


CUTS = st.lists(st.integers(1, 20), max_size=20)


@given(first=CUTS, second=CUTS, died_after=st.integers(0, 21), twice=st.sets(st.integers(0, 21)))
def test_each_sample_once_whatever_an_attempt_got_done(
    first: list[int], second: list[int], died_after: int, twice: set[int]
) -> None:
    track, heard = Track(), b""
    for attempt, written in ((1, chunks(first)[:died_after]), (2, chunks(second))):
        for seq, pcm in enumerate(written):
            heard += track.feed(attempt, seq, pcm) or b""
            if seq in twice:
                assert track.feed(attempt, seq, pcm) is None
    assert heard == SOUND


def test_what_an_older_attempt_says_late_is_dropped() -> None:
    track = Track()
    assert track.feed(1, 0, SOUND[:10]) == SOUND[:10]
    assert track.feed(2, 0, SOUND[:6]) == b""
    assert track.feed(1, 1, b"late") is None
    assert track.feed(2, 1, SOUND[6:20]) == SOUND[10:20]


def test_a_chunk_that_is_missing_is_noticed() -> None:
    track = Track()
    track.feed(1, 0, SOUND[:10])
    with pytest.raises(VoiceError, match="chunk 2 came instead of 1"):
        track.feed(1, 2, SOUND[20:])
