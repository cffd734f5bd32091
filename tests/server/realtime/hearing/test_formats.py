"""Sound formats both ways: cut anywhere, against FFmpeg's G.711, and against the length and loudness that went in."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api import SAMPLE_RATE
from server.realtime.hearing.formats import PCM, PCM_16K, PCMA, PCMU, Incoming, Outgoing, Samples, SoundFormat
from server.realtime.hearing.g711 import Law, decoded, encoded
from tts.voice import WIRE_RATE

FORMATS = (PCM, PCM_16K, PCMU, PCMA)
LAWS: tuple[tuple[Law, str], ...] = (("audio/pcmu", "pcm_mulaw"), ("audio/pcma", "pcm_alaw"))
ALL_SAMPLES = np.arange(-32768, 32768, dtype=np.int16)
cuts = st.lists(st.integers(0, 1500), max_size=20)


def pieces(data: bytes, lengths: list[int]) -> list[bytes]:
    result, at = [], 0
    for length in lengths:
        result.append(data[at : at + length])
        at += length
    return [*result, data[at:]]


def noise(seed: int, count: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, count, np.uint8).tobytes()


def tone(rate: int) -> Samples:
    """A second of it."""
    samples: Samples = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)
    return samples


def codec(name: str, mode: str) -> Any:
    context: Any = av.CodecContext.create(name, mode)
    context.sample_rate, context.layout = 8000, "mono"
    return context


@pytest.mark.parametrize("format", FORMATS)
@given(seed=st.integers(0, 99), count=st.integers(0, 9001), lengths=cuts)
@settings(deadline=None)
def test_any_cut_of_what_comes_in_is_heard_the_same(
    format: SoundFormat, seed: int, count: int, lengths: list[int]
) -> None:
    data = noise(seed, count)
    whole, cut = Incoming(format), Incoming(format)
    expected = np.concatenate((whole.feed(data), whole.flush()))
    found = np.concatenate([*map(cut.feed, pieces(data, lengths)), cut.flush()])
    assert np.array_equal(found, expected)
    assert expected.dtype == np.int16
    assert abs(len(expected) - count // format.sample_bytes * SAMPLE_RATE / format.rate) <= 1


@pytest.mark.parametrize("format", [PCM, PCMU, PCMA])
@given(seed=st.integers(0, 99), count=st.integers(0, 9001), lengths=cuts)
@settings(deadline=None)
def test_any_cut_of_what_goes_out_is_sent_the_same(
    format: SoundFormat, seed: int, count: int, lengths: list[int]
) -> None:
    data = noise(seed, count)
    whole, cut = Outgoing(format), Outgoing(format)
    expected = whole.feed(data) + whole.flush()
    assert b"".join([*map(cut.feed, pieces(data, lengths)), cut.flush()]) == expected
    assert abs(len(expected) / format.sample_bytes - count // 2 * format.rate / WIRE_RATE) <= 1


@pytest.mark.parametrize(("law", "name"), LAWS)
def test_every_byte_of_g711_is_the_sample_that_ffmpeg_hears(law: Law, name: str) -> None:
    every = bytes(range(256))
    (frame,) = codec(name, "r").decode(av.Packet(every))
    assert np.array_equal(decoded(every, law), frame.to_ndarray()[0])


@pytest.mark.parametrize(("law", "name"), LAWS)
def test_no_sample_is_farther_from_its_byte_of_g711_than_ffmpegs(law: Law, name: str) -> None:
    context = codec(name, "w")
    context.format = "s16"
    frame = av.AudioFrame.from_ndarray(ALL_SAMPLES[None], format="s16", layout="mono")
    frame.sample_rate = 8000
    theirs = b"".join(bytes(packet) for packet in context.encode(frame) + context.encode(None))
    ours = encoded(ALL_SAMPLES, law)
    errors = [np.abs(decoded(data, law).astype(int) - ALL_SAMPLES) for data in (ours, theirs)]
    assert (errors[0] <= errors[1]).all()
    assert np.count_nonzero(np.frombuffer(ours, np.uint8) != np.frombuffer(theirs, np.uint8)) < 600  # ties and edges


@pytest.mark.parametrize(("law", "_"), LAWS)
def test_a_byte_of_g711_decoded_and_encoded_is_the_same_sound(law: Law, _: str) -> None:
    every = bytes(range(256))
    assert np.array_equal(decoded(encoded(decoded(every, law), law), law), decoded(every, law))


@pytest.mark.parametrize("format", FORMATS)
def test_a_tone_comes_in_as_it_is(format: SoundFormat) -> None:
    sent = tone(format.rate)
    data = sent.astype("<i2").tobytes() if format.coding == "audio/pcm" else encoded(sent, format.coding)
    ear = Incoming(format)
    heard = np.concatenate((ear.feed(data), ear.flush())).astype(float)
    wrong = (heard - tone(SAMPLE_RATE))[800:-800]
    assert np.sqrt(np.mean(wrong**2)) < (200 if format.rate == 8000 else 3)


@pytest.mark.parametrize("format", [PCMU, PCMA])
def test_a_tone_goes_out_and_comes_in_as_it_is(format: SoundFormat) -> None:
    out, ear = Outgoing(format), Incoming(format)
    sent = out.feed(tone(WIRE_RATE).tobytes()) + out.flush()
    heard = np.concatenate((ear.feed(sent), ear.flush())).astype(float)
    assert np.sqrt(np.mean((heard - tone(SAMPLE_RATE))[800:-800] ** 2)) < 200


def test_pcm_goes_out_untouched() -> None:
    data = noise(1, 4801)
    assert Outgoing(PCM).feed(data) == data[:-1]


def test_after_a_flush_a_new_stream_begins() -> None:
    ear = Incoming(PCM)
    first = np.concatenate((ear.feed(noise(2, 4801)), ear.flush()))  # half a sample is dropped
    again = np.concatenate((ear.feed(noise(2, 4801)), ear.flush()))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("format", FORMATS)
def test_little_of_a_stream_is_held_back(format: SoundFormat) -> None:
    ear, heard = Incoming(format), 0
    piece = bytes(format.rate // 50 * format.sample_bytes)
    for count in range(1, 101):
        heard += len(ear.feed(piece))
        assert count / 50 - heard / SAMPLE_RATE < 0.01


def test_a_rate_that_a_coding_does_not_have_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        SoundFormat("audio/pcmu", 16_000)
