"""The envelope of what is played: in any cut, with gaps, cut short, and forgotten."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.realtime.hearing.envelope import Envelope
from server.realtime.hearing.windows import FRAME, SILENT, WINDOW, Windows, decibels, mean_level, powers

WIRE_FRAME = FRAME * 3 // 2


def sound(count: int, seed: int = 0) -> npt.NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-9000, 9000, count).astype(np.int16)


@given(st.lists(st.integers(0, 1000), max_size=20), st.integers(0, 20))
def test_any_cut_of_a_reply_has_the_same_envelope(lengths: list[int], first: int) -> None:
    """Told by positions that are rounded."""
    reply, whole, cut, at = sound(9600), Envelope(), Envelope(), 0
    whole.add(first * FRAME, reply)
    for length in [*lengths, 9600]:
        cut.add(first * FRAME + at * 2 // 3, reply[at : at + length])
        at = min(at + length, 9600)
    for start, end in ((0, 100), (first, first + 50), (first + 3, first + 4)):
        assert np.array_equal(whole.dry(start, end), cut.dry(start, end))
        assert np.array_equal(whole.wet(start, end), cut.wet(start, end))


def test_it_is_the_level_of_each_frame_and_silence_elsewhere() -> None:
    played, reply = Envelope(), sound(WIRE_FRAME * 10)
    played.add(1000 * FRAME, reply)
    expected = decibels(np.square(reply / 32768).reshape(10, WIRE_FRAME).mean(axis=1))
    assert played.dry(998, 1013) == pytest.approx([SILENT] * 2 + [*expected] + [SILENT] * 3)


def test_a_room_lets_sound_die_slowly() -> None:
    played = Envelope()
    played.add(0, np.concatenate((sound(WIRE_FRAME * 10), np.zeros(WIRE_FRAME * 10, np.int16))))
    wet = played.wet(0, 20)
    assert (wet >= played.dry(0, 20)).all()
    assert np.diff(wet[9:]) == pytest.approx(-1)


def test_a_gap_is_silence_and_a_step_back_replaces_what_was_said() -> None:
    played = Envelope()
    played.add(0, sound(WIRE_FRAME * 20))
    played.add(40 * FRAME, sound(WIRE_FRAME * 4))
    assert (played.dry(20, 40) == SILENT).all()
    assert (played.dry(40, 44) > -20).all()
    played.add(2 * FRAME, np.zeros(WIRE_FRAME, np.int16))
    assert (played.dry(0, 2) > -20).all()
    assert (played.dry(2, 50) == SILENT).all()


def test_positions_that_are_a_little_wrong_leave_no_gap() -> None:
    """As those of a session that counts its time in appends."""
    reply, played = sound(WIRE_FRAME * 100), Envelope()
    for at, wrong in zip(range(0, 100, 10), (0, 5, 12, 0, -7, -12, 3, 0, 11, -12), strict=True):
        played.add((at + wrong) * FRAME, reply[at * WIRE_FRAME : (at + 10) * WIRE_FRAME])
    assert (played.dry(0, 100) > -20).all()
    assert (played.dry(100, 120) == SILENT).all()


@pytest.mark.parametrize("frame", [0, 3, 10, 12])
def test_what_is_not_played_after_all(frame: int) -> None:
    played = Envelope()
    played.add(0, sound(WIRE_FRAME * 10))
    played.cut(frame)
    assert (played.dry(0, frame)[:10] > -20).all()
    assert (played.dry(frame, 40) == SILENT).all()
    played.add(40 * FRAME, sound(WIRE_FRAME))
    assert played.dry(40, 41)[0] > -20
    assert (played.dry(frame, 40)[10 - min(frame, 10) :] == SILENT).all()


def test_what_is_forgotten_takes_no_room() -> None:
    played = Envelope()
    for at in range(0, 1000, 10):
        played.add(at * FRAME, sound(WIRE_FRAME * 10))
        played.forget(at)
        assert len(played._dry) <= 20
    assert (played.dry(990, 1000) > -20).all()
    played.forget(5000)
    played.add(7000 * FRAME, sound(WIRE_FRAME))
    assert played.dry(7000, 7001)[0] > -20
    assert len(played._dry) == 1
    assert len(played._rest[0]) == 0


@given(st.lists(st.integers(0, 1500), max_size=12))
def test_any_cut_has_the_same_windows(lengths: list[int]) -> None:
    samples, windows, found, at = sound(5000), Windows(), [], 0
    for length in [*lengths, 5000]:
        found.append(windows.feed(samples[at : at + length]))
        at += length
    assert np.array_equal(np.concatenate(found).ravel(), samples[: 5000 // WINDOW * WINDOW])
    assert windows.rest == 5000 % WINDOW


def test_the_level_of_a_window_is_that_of_its_frames_together() -> None:
    windows = sound(WINDOW * 3).reshape(3, WINDOW)
    expected = decibels(np.square(windows / 32768).mean(axis=1))
    assert [mean_level(frames) for frames in decibels(powers(windows))] == pytest.approx(expected)
    full = np.full((1, WINDOW), -32768, np.int16)
    assert mean_level(decibels(powers(full))[0]) == 0
    assert mean_level(decibels(powers(full * 0))[0]) == pytest.approx(SILENT)
