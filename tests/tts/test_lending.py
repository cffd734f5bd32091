"""What becomes of a recording that somebody lends, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.tts.recordings import file, tone
from tts.lending import MAX_BYTES, MAX_CHARACTERS, LendingError, lent
from tts.recorded import Recorded

GOOD: dict[str, Any] = {"name": "anna", "transcript": "What I say.", "consent": "I allow it.", "created": 1.0}


def lend(recording: bytes | None = None, **fields: Any) -> Recorded:
    return lent(**(GOOD | {"recording": file() if recording is None else recording} | fields))


def refusal(recording: bytes | None = None, **fields: Any) -> tuple[str, str]:
    with pytest.raises(LendingError) as raised:
        lend(recording, **fields)
    return raised.value.field, str(raised.value)


def test_all_of_it_is_kept() -> None:
    kept = lend(transcript=" What I say.\n", consent=" I allow it. ", lang="zh-TW")
    assert (kept.name, kept.transcript, kept.consent) == ("anna", "What I say.", "I allow it.")
    assert (kept.lang, kept.created) == ("zh-TW", 1.0)


@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("OGG", "OPUS"), ("MP3", None)])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_file_becomes_a_wav_with_the_same_sound(kind: str, subtype: str | None, channels: int) -> None:
    kept = lend(file(tone(channels=channels), format=kind, subtype=subtype))
    with soundfile.SoundFile(io.BytesIO(kept.recording)) as wav:
        assert (wav.format, wav.subtype, wav.channels, wav.samplerate) == ("WAV", "PCM_16", 1, 24_000)
        samples = wav.read(dtype="float32")
    assert len(samples) == pytest.approx(4 * 24_000, abs=3000)
    assert np.sqrt(np.square(samples).mean()) == pytest.approx(0.3 / np.sqrt(2), abs=0.02)


def test_samples_are_kept_as_they_are() -> None:
    kept = lend(file(tone(), subtype="PCM_16"))
    assert kept.recording == file(tone(), subtype="PCM_16")


def test_channels_are_mixed() -> None:
    opposite = tone(channels=2) * np.array([1, -1], np.float32)
    assert refusal(file(opposite)) == ("recording", "The recording is silent.")


@pytest.mark.parametrize("name", ["a", "Z9", "anna-2_b.c", "x" * 64])
def test_names(name: str) -> None:
    assert lend(name=name).name == name


@pytest.mark.parametrize("name", ["", "x" * 65, "../../x", ".x", "-x", "a b", "a/b", "a\n", "Änne", "安娜", "a\0"])
def test_names_that_are_refused(name: str) -> None:
    assert refusal(name=name)[0] == "name"


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        (b"", "missing"),
        (b"no sound at all", "damaged"),
        (file()[:40], "damaged"),
        (file()[:1000], "seconds long"),
        (bytes(MAX_BYTES + 1), "larger"),
        (file(rate=8000), "8000 Hz"),
        (file(rate=96_000), "96000 Hz"),
        (file(tone(2.9)), "3 to 30 seconds"),
        (file(tone(30.1)), "3 to 30 seconds"),
        (file(tone(channels=9)), "9 channels"),
        (file(np.zeros((96_000, 1), np.float32)), "silent"),
        (file(np.full((96_000, 1), 1e-4, np.float32)), "silent"),
        (file(np.concatenate([tone(0.9), np.zeros((96_000, 1), np.float32)])), "silent"),
        (file(np.full((96_000, 1), np.nan, np.float32), subtype="FLOAT"), "not numbers"),
    ],
)
def test_recordings_that_are_refused(recording: bytes, reason: str) -> None:
    field, message = refusal(recording)
    assert field == "recording"
    assert reason in message


@pytest.mark.parametrize("seconds", [3.0, 30.0])
def test_the_shortest_and_the_longest(seconds: float) -> None:
    assert lend(file(tone(seconds))).recording


@pytest.mark.parametrize("field", ["transcript", "consent"])
@pytest.mark.parametrize("text", ["", " \n", "x" * (MAX_CHARACTERS + 1), "\ud800"])
def test_words_that_are_refused(field: str, text: str) -> None:
    words: dict[str, Any] = {field: text}
    assert refusal(**words)[0] == field


@pytest.mark.parametrize("lang", ["", "e", "english please", "en_US", "../x"])
def test_languages_that_are_refused(lang: str) -> None:
    assert refusal(lang=lang)[0] == "lang"
