"""The way in for a recorded voice: whatever somebody sends becomes a `Recorded`, or is refused with the reason.

Knows no registry and no voice.
"""

from __future__ import annotations

import io
import math
import re

import numpy as np
import numpy.typing as npt
import soundfile

from tts.recorded import Recorded

Samples = npt.NDArray[np.float32]

MAX_BYTES = 10 * 2**20
"""Of a recording as it is sent; OpenAI's limit too. 30 s in stereo at 48 kHz and 24 bits fit."""
SECONDS = (3.0, 30.0)
"""Shortest and longest recording. CosyVoice hears no more than 30 s, and needs a few to know a voice."""
RATES = (16_000, 48_000)
"""Lowest and highest sample rate, in Hz."""
MAX_CHARACTERS = 2000
"""Of a transcript or a statement: three times what is said in 30 s."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LANG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MAX_CHANNELS = 8
_WINDOW = 0.02
"""Seconds in which loudness is measured."""
_QUIET = 10 ** (-50 / 20)
"""Root mean square of a window under which nobody speaks: 50 dB under full scale."""
_LEAST_SPEECH = 1.0
"""Seconds that must be louder."""


class LendingError(Exception):
    """A voice that cannot be kept as it is. `field` is what is wrong with it: an argument of `lent`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def lent(
    name: str, recording: bytes, transcript: str, consent: str, lang: str | None = None, *, created: float
) -> Recorded:
    """A voice to keep, from what its owner sends. Takes some milliseconds; not for an event loop.

    Args:
        name: 1 to 64 ASCII letters, digits, `-`, `_` and `.`, a letter or digit first.
        recording: a WAV, FLAC, Ogg or MP3 file of somebody speaking; mixed to mono.
        transcript: what is said in it, word by word.
        consent: the statement by which its owner allows the imitation.
        lang: BCP-47 tag of what is said.
        created: seconds since 1970.

    Raises:
        LendingError: any of it is not fit.
    """
    if not _NAME.fullmatch(name):
        raise LendingError(
            "name", "A name has 1 to 64 letters, digits, '-', '_' and '.' (ASCII), a letter or digit first."
        )
    if lang is not None and not _LANG.fullmatch(lang):
        raise LendingError("lang", "The language must be a BCP-47 tag, such as 'en' or 'zh-TW'.")
    words = _text("transcript", transcript, "The transcript of the recording is missing.")
    statement = _text("consent", consent, "The statement is missing by which the voice's owner consents.")
    return Recorded(name, _wav(recording), words, statement, lang, created)


def _text(field: str, text: str, missing: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise LendingError(field, missing)
    if len(stripped) > MAX_CHARACTERS:
        raise LendingError(field, f"The {field} has more than {MAX_CHARACTERS} characters.")
    if not stripped.isascii() and any("\ud800" <= character <= "\udfff" for character in stripped):
        raise LendingError(field, f"The {field} is not valid Unicode.")
    return stripped


def _wav(recording: bytes) -> bytes:
    samples, rate = _decoded(recording)
    _check(samples, rate)
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1, 1), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _decoded(recording: bytes) -> tuple[Samples, int]:
    """Mono in [-1, 1], and its rate; not much more of it than may be kept is decoded."""
    if not recording:
        raise LendingError("recording", "The recording is missing.")
    if len(recording) > MAX_BYTES:
        raise LendingError("recording", f"The recording is larger than {MAX_BYTES} bytes.")
    try:
        with soundfile.SoundFile(io.BytesIO(recording)) as source:
            rate, channels = source.samplerate, source.channels
            if not RATES[0] <= rate <= RATES[1]:
                raise LendingError("recording", f"The recording has {rate} Hz; {RATES[0]} to {RATES[1]} are taken.")
            if channels > _MAX_CHANNELS:
                raise LendingError("recording", f"The recording has {channels} channels; {_MAX_CHANNELS} are taken.")
            most = math.floor(SECONDS[1] * rate) + 1
            return source.read(most, dtype="float32", always_2d=True).mean(axis=1), rate
    except soundfile.LibsndfileError as error:
        raise LendingError("recording", "The recording is damaged, or no WAV, FLAC, Ogg or MP3 file.") from error


def _check(samples: Samples, rate: int) -> None:
    if not SECONDS[0] * rate <= len(samples) <= SECONDS[1] * rate:
        raise LendingError("recording", f"The recording must be {SECONDS[0]:.0f} to {SECONDS[1]:.0f} seconds long.")
    if not np.isfinite(samples).all():
        raise LendingError("recording", "The recording holds values that are not numbers.")
    window = round(_WINDOW * rate)
    windows = samples[: len(samples) // window * window].reshape(-1, window)
    loud = np.sqrt(np.square(windows, dtype=np.float64).mean(axis=1)) > _QUIET
    if loud.sum() * _WINDOW < _LEAST_SPEECH:
        raise LendingError("recording", "The recording is silent.")
