import io
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE
from server.media.limits import MediaLimits
from tests.media.samples import (
    CASES,
    INPUTS,
    TONE,
    GoldenSound,
    audio_part,
    decoded,
    decoded_sound,
    input_audio_part,
    made,
    refusal,
)
from tts.encoding import encoder

pytestmark = pytest.mark.anyio

TONE_24K = (np.sin(np.arange(24_000) * (2 * np.pi * 440 / 24_000)) * 8192).astype("<i2").tobytes()

Samples = npt.NDArray[np.float32]


def noise(seconds: float, rate: int, channels: int = 1) -> Samples:
    random = np.random.default_rng(3)
    return (random.standard_normal((round(seconds * rate), channels)) * 0.1).astype(np.float32)


def wav(samples: Samples, rate: int, format: str = "WAV", subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("stem", [stem for stem in CASES["audio"] if not stem.startswith("video:")])
async def test_golden_recordings(stem: str) -> None:
    golden = GoldenSound(stem)
    samples = await decoded_sound((INPUTS / Path(CASES["audio"][stem]["file"]).name).read_bytes())
    assert len(samples) == min(golden.length, MAX_SOUND_SECONDS * SAMPLE_RATE)
    assert golden.error(samples) == 0


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (22050, 1), (44100, 2), (48000, 6), (96000, 3)])
async def test_mean_of_channels_resampled_once(rate: int, channels: int) -> None:
    """What librosa.load(sr=16000) computes, spelled out. 2.5 s are more than one block of ours for 96 kHz."""
    original = noise(2.5, rate, channels)
    expected = soxr.resample(original.mean(axis=1), rate, SAMPLE_RATE, quality="HQ")
    samples = await decoded_sound(wav(original, rate))
    assert len(samples) == math.ceil(len(original) * SAMPLE_RATE / rate)
    assert np.array_equal(samples[: len(expected)], expected)
    assert not samples[len(expected) :].any()


async def test_sixteen_kilohertz_pass_unchanged() -> None:
    original = noise(0.5, SAMPLE_RATE)
    assert np.array_equal(await decoded_sound(wav(original, SAMPLE_RATE)), original[:, 0])


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("s.wav", ()),
        ("s.mp3", ()),
        ("s.flac", ()),
        ("s.ogg", ("-c:a", "libvorbis")),
        ("s.opus", ("-c:a", "libopus")),
        ("s.m4a", ("-c:a", "aac")),
        ("s.mp4", ("-c:a", "alac")),
        ("s.aac", ()),
        ("s.webm", ("-c:a", "libopus")),
    ],
)
async def test_every_format_is_heard(tmp_path: Path, name: str, codec: tuple[str, ...]) -> None:
    data = made(tmp_path / name, *TONE, "-ac", "2", *codec)
    [sound] = await decoded(input_audio_part(data, name.removeprefix("s.")))
    loudest = np.abs(np.fft.rfft(sound.samples[:SAMPLE_RATE])).argmax()
    assert loudest == 440  # Hz, since it is the spectrum of one second
    assert len(sound.samples) == pytest.approx(SAMPLE_RATE, abs=0.05 * SAMPLE_RATE)  # encoders add silence
    assert np.abs(sound.samples).max() == pytest.approx(0.125 / 2**0.5, abs=0.01)  # ffmpeg splits a tone so


async def test_ffmpeg_and_libsndfile_hear_the_same(tmp_path: Path) -> None:
    """ALAC in mp4 is lossless, so that ffmpeg's way can be compared with libsndfile's sample by sample."""
    (tmp_path / "s.wav").write_bytes(wav(noise(3, 44100, 2), 44100, subtype="PCM_16"))
    data = made(tmp_path / "s.m4a", "-i", str(tmp_path / "s.wav"), "-c:a", "alac")
    through_libsndfile = await decoded_sound((tmp_path / "s.wav").read_bytes())
    assert np.array_equal(await decoded_sound(data), through_libsndfile)


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "opus", "aac"])
async def test_what_was_written_as_a_stream_is_heard(form: str) -> None:
    """Such files do not say how long they are."""
    spoken = encoder(form)
    file = b"".join(spoken.feed(TONE_24K[at : at + 4800]) for at in range(0, len(TONE_24K), 4800)) + spoken.flush()
    samples = await decoded_sound(file)
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    assert np.abs(samples).max() == pytest.approx(0.25, abs=0.05)


async def test_the_bytes_decide_not_the_stated_format() -> None:
    data = (INPUTS / "short_1.3s_16k.wav").read_bytes()
    [stated_mp3] = await decoded(input_audio_part(data, "mp3"))
    [stated_wav] = await decoded(input_audio_part(data, "wav"))
    assert np.array_equal(stated_mp3.samples, stated_wav.samples)
    assert len(stated_wav.samples) == 20_800


async def test_headerless_pcm16_is_24_kilohertz() -> None:
    values = (noise(0.5, 24_000)[:, 0] * 32768).astype("<i2")
    [sound] = await decoded(input_audio_part(values.tobytes(), "pcm16"))
    expected = soxr.resample(values.astype(np.float32) / 32768, 24_000, SAMPLE_RATE, quality="HQ")
    assert np.array_equal(sound.samples, expected)
    assert sound.samples.dtype == np.float32


async def test_half_a_sample_of_pcm16_is_refused() -> None:
    assert (await refusal(input_audio_part(b"\0" * 5, "pcm16"))).why == "pcm16 must have two bytes per sample."


async def test_no_more_is_kept_than_the_model_hears(tmp_path: Path) -> None:
    limit = MAX_SOUND_SECONDS * SAMPLE_RATE
    long = np.zeros(((MAX_SOUND_SECONDS + 3) * 8000, 1), np.float32)
    assert len(await decoded_sound(wav(long, 8000, subtype="PCM_U8"))) == limit
    assert len(await decoded_sound(wav(np.zeros((limit + 1, 1), np.float32), SAMPLE_RATE, subtype="PCM_U8"))) == limit
    silence = f"anullsrc=sample_rate=8000:channel_layout=mono:duration={MAX_SOUND_SECONDS + 3}"
    assert len(await decoded_sound(made(tmp_path / "s.m4a", "-f", "lavfi", "-i", silence, "-b:a", "8k"))) == limit


async def test_a_video_can_be_attached_for_its_sound() -> None:
    samples = await decoded_sound((INPUTS / "lossless_160x120_96f.mp4").read_bytes())
    assert GoldenSound("video:lossless_160x120_96f").error(samples) < 1e-6


async def test_a_video_without_sound_is_no_recording() -> None:
    error = await refusal(audio_part((INPUTS / "silent_400x300_30f.mp4").read_bytes()))
    assert (error.status, error.why) == (400, "the recording is damaged or of an unknown format.")


@pytest.mark.parametrize("format", ["WAV", "FLAC"])
async def test_no_samples_are_refused(format: str) -> None:
    empty = wav(np.empty((0, 1), np.float32), 44100, format, "PCM_16")
    error = await refusal(audio_part(empty))
    assert error.status == 400


@pytest.mark.parametrize("name", ["s.flac", "s.m4a"])
async def test_files_cut_short_that_cannot_be_decoded(tmp_path: Path, name: str) -> None:
    data = made(tmp_path / name, *TONE)
    error = await refusal(audio_part(data[: len(data) // 2]))
    assert (error.status, error.why) == (400, "the recording is damaged or of an unknown format.")


@pytest.mark.parametrize("name", ["s.wav", "s.mp3", "s.opus", "s.aac", "s.webm"])
async def test_files_cut_short_are_heard_as_far_as_they_go(tmp_path: Path, name: str) -> None:
    small_pages = ("-page_duration", "100000") if name == "s.opus" else ()
    data = made(tmp_path / name, *TONE, *small_pages)
    samples = await decoded_sound(data[: len(data) // 2])
    assert 0.3 * SAMPLE_RATE < len(samples) < 0.7 * SAMPLE_RATE


@pytest.mark.parametrize("start", [b"", b"RIFF\x10\0\0\0WAVE", b"fLaC", b"OggS", b"ID3\4", b"\xff\xfb"])
async def test_nonsense_is_refused(start: bytes) -> None:
    nonsense = start + np.random.default_rng(4).bytes(3000)
    error = await refusal(audio_part(nonsense))
    assert error.status == 400
    assert "recording" in error.why


async def test_an_absurd_rate_is_refused() -> None:
    error = await refusal(audio_part(wav(noise(1, 999), 999)))
    assert (error.status, error.why) == (400, "a sample rate of 999 Hz is not supported.")


@pytest.mark.parametrize("value", [np.nan, np.inf])
async def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    samples = noise(0.1, 44100)
    samples[100] = value
    error = await refusal(audio_part(wav(samples, 44100)))
    assert (error.status, error.why) == (400, "the sound holds values that are not numbers.")


async def test_decoding_has_a_time_limit(tmp_path: Path) -> None:
    data = made(tmp_path / "s.m4a", *TONE)
    error = await refusal(audio_part(data), limits=MediaLimits(decode_seconds=0.0001))
    assert (error.status, error.why) == (413, "decoding took longer than 0.0001 s.")
