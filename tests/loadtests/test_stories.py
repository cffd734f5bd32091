"""A listener notices every silence for want of sound, and only those."""

from __future__ import annotations

import pytest

from loadtests.stories import RATE, Listener


def seconds(length: float) -> bytes:
    return bytes(2 * int(length * RATE))


def test_sound_that_comes_in_time_never_stops() -> None:
    listener = Listener()
    for now in (5.0, 5.1, 5.8):
        listener.hear(seconds(0.5), now)
    assert listener.first_sound == 5.0
    assert listener.sound == pytest.approx(1.5)
    assert listener.stops == []


def test_each_silence_is_counted_from_where_the_sound_ended() -> None:
    listener = Listener()
    for now in (5.0, 5.75, 6.5):
        listener.hear(seconds(0.5), now)
    assert listener.stops == pytest.approx([0.25, 0.25])
