"""Never more ahead than the lead, never more heard than sent, and any cut of the sound gives the same."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.realtime.playback import LEAD, Playback
from tts.voice import WIRE_RATE

starts = st.floats(0, 1e6)
waits = st.floats(0, 2)
sizes = st.integers(0, WIRE_RATE // 10)
FRAME = WIRE_RATE // 10


def test_sound_is_heard_as_time_passes() -> None:
    playback = Playback()
    playback.sent(WIRE_RATE, 10.0)
    assert [playback.heard(10 + wait) for wait in (0, 0.25, 1, 5)] == [0, 6000, 24000, 24000]
    assert playback.ends(10.0) == 11.0
    assert playback.ends(12.0) == 12.0


def test_a_gap_moves_the_clock() -> None:
    playback = Playback()
    playback.sent(WIRE_RATE, 0.0)
    playback.sent(WIRE_RATE, 3.0)
    assert playback.heard(3.5) == 1.5 * WIRE_RATE
    assert playback.ends(3.5) == 4.0


def test_frames_go_a_fixed_lead_ahead() -> None:
    playback, now, times = Playback(), 0.0, []
    for _ in range(20):
        now = playback.due(FRAME, now)
        playback.sent(FRAME, now)
        times.append(round(now, 6))
    assert times == [0.0] * 5 + [round(0.1 * number, 6) for number in range(1, 16)]


def test_without_pacing_everything_may_go() -> None:
    playback = Playback(math.inf)
    for _ in range(100):
        assert playback.due(FRAME, 1.0) == 1.0
        playback.sent(FRAME, 1.0)
    assert playback.heard(2.0) == WIRE_RATE


def test_what_never_fits_goes_when_all_else_was_heard() -> None:
    playback = Playback(0.05)
    assert playback.due(FRAME, 1.0) == 1.0
    playback.sent(FRAME, 1.0)
    assert playback.due(FRAME, 1.0) == 1.1


@given(starts, st.lists(st.tuples(sizes, waits)))
def test_the_lead_is_kept(start: float, frames: list[tuple[int, float]]) -> None:
    playback, now = Playback(), start
    for size, wait in frames:
        now = playback.due(size, now + wait)
        playback.sent(size, now)
        assert playback.samples_sent - playback.heard(now) <= LEAD * WIRE_RATE
        assert playback.heard(playback.ends(now)) == playback.samples_sent


@given(starts, st.lists(st.tuples(sizes, waits)))
def test_what_was_heard_only_grows(start: float, frames: list[tuple[int, float]]) -> None:
    playback, now, heard = Playback(), start, [0]
    for size, wait in frames:
        playback.sent(size, now)
        heard.append(playback.heard(now))
        now += wait
        heard.append(playback.heard(now))
        assert 0 <= heard[-1] <= playback.samples_sent
    assert all(one <= other for one, other in pairwise(heard))


@given(starts, st.lists(st.tuples(st.lists(sizes), waits)))
def test_any_cut_gives_the_same(start: float, frames: list[tuple[list[int], float]]) -> None:
    """Sound sent at once, whole or in pieces: neither what is heard nor when the next may go can tell."""
    whole, cut, now = Playback(), Playback(), start
    for sizes, wait in frames:
        whole.sent(sum(sizes), now)
        for size in sizes:
            cut.sent(size, now)
        now += wait
        assert whole.heard(now) == cut.heard(now)
        assert whole.due(FRAME, now) == cut.due(FRAME, now)
