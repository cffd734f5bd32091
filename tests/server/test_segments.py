"""Recordings cut where nobody speaks: nothing loud is lost, nothing comes twice, and any cut gives the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api import CHUNK_SECONDS, SAMPLE_RATE
from server.audio.segments import Samples, Segment, Segmenter


def tone(seconds: float, level: float = 0.2) -> Samples:
    """Syllables of 200 ms with dips between them, as speech has."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    syllables = 0.05 + np.abs(np.sin(np.pi * at / 0.2))
    return np.asarray(level * np.sin(1200 * at) * syllables, np.float32)


def quiet(seconds: float, level: float = 1e-4) -> Samples:
    noise = np.random.default_rng(1).normal(size=round(seconds * SAMPLE_RATE))
    return (level * noise).astype(np.float32)


def cut(samples: Samples, step: int = SAMPLE_RATE) -> list[Segment]:
    segmenter = Segmenter()
    segments = [segment for at in range(0, len(samples), step) for segment in segmenter.feed(samples[at : at + step])]
    return segments + list(segmenter.flush())


@pytest.mark.parametrize("noise", [0.0, 1e-4, 3e-3])
def test_sentences_come_apart_at_pauses(noise: float) -> None:
    pause = quiet(0.9, noise)
    parts = [quiet(2, noise), tone(1.5), pause, tone(3), pause, tone(0.8), quiet(3, noise)]
    starts = np.cumsum([0, *map(len, parts)]) / SAMPLE_RATE
    segments = cut(np.concatenate(parts))
    assert len(segments) == 3
    for segment, place in zip(segments, (1, 3, 5), strict=True):
        assert starts[place] - 0.35 <= segment.start <= starts[place]
        assert starts[place + 1] <= segment.end <= starts[place + 1] + 0.3


def test_a_breath_inside_a_sentence_is_no_end() -> None:
    assert len(cut(np.concatenate((tone(1), quiet(0.35), tone(1))))) == 1


@pytest.mark.parametrize("samples", [quiet(5), quiet(5, 0), quiet(5, 5e-3), tone(0.04)])
def test_without_speech_there_is_nothing(samples: Samples) -> None:
    assert cut(np.concatenate((samples, quiet(1)))) == []


def test_steady_noise_is_no_speech_for_long() -> None:
    segments = cut(quiet(120, 0.02))
    assert sum(segment.end - segment.start for segment in segments) < 15


def test_long_speech_is_cut_at_its_quietest_and_nothing_is_lost() -> None:
    speech = tone(75)
    speech[28 * SAMPLE_RATE : 28 * SAMPLE_RATE + 1600] = 0
    segments = cut(speech)
    assert [round(segment.start, 1) for segment in segments[:2]] == [0.0, 28.0]
    assert all(len(segment.samples) <= CHUNK_SECONDS * SAMPLE_RATE for segment in segments)
    assert np.array_equal(np.concatenate([segment.samples for segment in segments]), speech)


def test_quiet_frames_left_by_a_cut_are_no_segment_of_their_own() -> None:
    speech = np.concatenate((tone(29.8), quiet(3, 0)))
    assert len(cut(speech)) == 1


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.02, 2.0)), min_size=1, max_size=8),
    st.integers(1, 40_000),
)
def test_any_cut_of_the_input_gives_the_same(parts: list[tuple[bool, float]], step: int) -> None:
    samples = np.concatenate([tone(seconds) if loud else quiet(seconds) for loud, seconds in parts])
    whole, pieces = cut(samples, len(samples)), cut(samples, step)
    assert [segment.start for segment in whole] == [segment.start for segment in pieces]
    for one, other in zip(whole, pieces, strict=True):
        assert np.array_equal(one.samples, other.samples)
        start = round(one.start * SAMPLE_RATE)
        assert np.array_equal(samples[start : start + len(one.samples)], one.samples)
    for one, following in pairwise(whole):
        assert one.end <= following.start + 1e-9
