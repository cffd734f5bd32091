"""Encoders: what comes out is decoded again and compared; bytes leave while audio comes in."""

import io
import random
import wave

import av
import numpy as np
import numpy.typing as npt
import pytest

from tts.encoding import FORMATS, UnknownFormatError, encode_file, encoder
from tts.voice import WIRE_RATE

NAMES = ["wav", "mp3", "flac", "opus", "aac", "pcm16"]
SECONDS = 3
CHUNK = WIRE_RATE // 10 * 2  # 100 ms
PADDING_S = {"mp3": 0.1, "aac": 0.1}
"""Silence that a codec adds around the sound, at most."""


@pytest.fixture(scope="module")
def pcm() -> bytes:
    """A sweep, so that lost or repeated pieces change what is measured."""
    time = np.arange(SECONDS * WIRE_RATE) / WIRE_RATE
    return (8000 * np.sin(2 * np.pi * (200 + 150 * time) * time)).astype("<i2").tobytes()


def decoded(data: bytes, name: str) -> npt.NDArray[np.float64]:
    """Samples in [-1, 1] at `WIRE_RATE`."""
    if name == "pcm16":
        return np.frombuffer(data, "<i2").astype(np.float64) / 32768
    resampler = av.AudioResampler(format="flt", layout="mono", rate=WIRE_RATE)
    with av.open(io.BytesIO(data)) as container:
        frames = [frame for coded in container.decode(audio=0) for frame in resampler.resample(coded)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames], dtype=np.float64)


def streamed(pcm: bytes, name: str, sizes: list[int]) -> list[bytes]:
    coder, pieces, at = encoder(name), [], 0
    for size in sizes:
        pieces.append(coder.feed(pcm[at : at + size]))
        at += size
    return [*pieces, coder.feed(pcm[at:]), coder.flush()]


def assert_same_sound(data: bytes, pcm: bytes, name: str) -> None:
    wanted, got = np.frombuffer(pcm, "<i2") / 32768, decoded(data, name)
    extra = (len(got) - len(wanted)) / WIRE_RATE
    assert -0.001 <= extra <= PADDING_S.get(name, 0.01)
    assert np.sum(got**2) == pytest.approx(np.sum(wanted**2), rel=0.12)
    spectrum = np.abs(np.fft.rfft(got, 2**17)), np.abs(np.fft.rfft(wanted, 2**17))
    assert np.corrcoef(*spectrum)[0, 1] > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_the_joined_stream_is_the_sound(pcm: bytes, name: str) -> None:
    pieces = streamed(pcm, name, [CHUNK] * (len(pcm) // CHUNK))
    assert_same_sound(b"".join(pieces), pcm, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_complete_file_is_the_sound(pcm: bytes, name: str) -> None:
    assert_same_sound(encode_file(pcm, name), pcm, name)


@pytest.mark.parametrize("name", NAMES)
def test_any_cut_of_the_input_gives_the_same_bytes(pcm: bytes, name: str) -> None:
    rng = random.Random(1)
    odd = streamed(pcm[:48_000], name, [rng.randint(0, 4000) | 1 for _ in range(20)])
    even = streamed(pcm[:48_000], name, [])
    if name == "opus":  # its stream has a random serial number
        assert_same_sound(b"".join(odd), pcm[:48_000], name)
    else:
        assert b"".join(odd) == b"".join(even)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_leave_with_every_chunk(pcm: bytes, name: str) -> None:
    pieces = streamed(pcm, name, [CHUNK] * (len(pcm) // CHUNK))[:-2]
    assert all(pieces)


@pytest.mark.parametrize("name", NAMES)
def test_flushing_twice_adds_nothing(name: str) -> None:
    coder = encoder(name)
    coder.feed(bytes(CHUNK))
    coder.flush()
    assert coder.flush() == b""


def test_a_wav_file_states_its_length(pcm: bytes) -> None:
    with wave.open(io.BytesIO(encode_file(pcm, "wav"))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, WIRE_RATE)
        assert file.getnframes() == SECONDS * WIRE_RATE


def test_an_empty_wav_stream_is_a_header() -> None:
    assert len(encoder("wav").flush()) == 44


def test_formats_have_media_types_and_pcm_is_pcm16() -> None:
    assert set(FORMATS) == {*NAMES, "pcm"}
    assert all(each.media_type.startswith("audio/") for each in FORMATS.values())
    assert FORMATS["pcm"] is FORMATS["pcm16"]


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(UnknownFormatError, match=r"midi.*wav, pcm16, mp3, flac, opus, aac, pcm"):
        encoder("midi")
