"""Recordings to lend, and an imitator that a test can look into."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from tests.scripted_voice import ScriptedVoice
from tts.recorded import Recorded


def tone(seconds: float = 4.0, rate: int = 24_000, channels: int = 1) -> npt.NDArray[np.float32]:
    """Something loud, `[samples, channels]`."""
    wave = 0.3 * np.sin(0.05 * np.arange(round(seconds * rate)))
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def file(samples: npt.NDArray[np.float32] | None = None, rate: int = 24_000, **options: Any) -> bytes:
    """A sound file; a WAV of a tone if nothing else is said."""
    made = io.BytesIO()
    soundfile.write(made, tone(rate=rate) if samples is None else samples, rate, **({"format": "WAV"} | options))
    return made.getvalue()


def recorded(name: str = "anna", transcript: str = "What I say.", recording: bytes = b"RIFF") -> Recorded:
    return Recorded(name, recording, transcript, "I allow it.", "en", 1_700_000_000.5)


class ScriptedImitator:
    """Imitates with a scripted voice for each recording; all that it made are in `made`.

    `place` is where they all speak; without it each has its slots for itself.
    """

    def __init__(self, *, place: object = None, **script: Any) -> None:
        self._place, self._script, self.made = place, script, list[tuple[Recorded, ScriptedVoice]]()

    def imitate(self, recorded: Recorded) -> ScriptedVoice:
        voice = ScriptedVoice(recorded.name, **self._script)
        if self._place is not None:
            voice.place = self._place  # type: ignore[attr-defined]
        self.made.append((recorded, voice))
        return voice
