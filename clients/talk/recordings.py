"""Recordings in place of a microphone and a loudspeaker: they take the time that sound takes."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import anyio

from clients.attachments import contents
from clients.ending import ClientError
from clients.loudspeaker import RATE
from clients.saving import SoundFile
from clients.talk.dialogue import Dialogue

STEP = 0.1
"""Seconds of sound in a message, as a microphone would send them."""
REST = 0.5
"""Seconds of silence before somebody speaks who does not interrupt."""
PATIENCE = 60.0
"""Seconds; a model on a busy machine takes some."""
_BYTES = round(STEP * RATE) * 2


def recorded(path: Path) -> bytes:
    """PCM at RATE, mono, of a sound file. ClientError if it is none."""
    import numpy as np
    import soundfile
    import soxr

    data = contents(path)
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ClientError(f"cannot read {path} as sound: {error.error_string}") from None
    mono: Any = soxr.resample(samples.mean(axis=1), rate, RATE)
    return bytes(np.round(32767 * np.clip(mono, -1, 1)).astype("<i2"))


class Recordings:
    """Says one recording after the other: each when the answer before it was heard, or into that answer. Then waits for
    the last answer. In between it sends silence, as an open microphone does."""

    def __init__(
        self, recordings: Sequence[bytes], interrupt: float | None, *, first: bool, patience: float = PATIENCE
    ) -> None:
        """`interrupt`: seconds of an answer after which the next recording is spoken into it. `first`: an answer comes
        before the first recording. `patience`: seconds without anything of an answer, after which none is expected."""
        self._recordings, self._interrupt, self._patience = list(recordings), interrupt, patience
        self._expected = int(first)
        """Answers, so far."""
        self._saying: Iterator[bytes] = iter(())
        self._begun = 0.0
        self._quiet = 0.0
        """Seconds in which nobody has spoken, and nothing came."""
        self._known = (0, 0.0)

    def spoken_at(self, millisecond: int) -> float:
        return self._begun + millisecond / 1000

    async def sound(self, dialogue: Dialogue, ear: Recorder) -> AsyncGenerator[bytes, None]:
        """PCM, each STEP at its time, until all is said and answered. Cancelling it ends it.

        Raises:
            ClientError: an answer did not come.
        """
        self._begun = anyio.current_time()
        for step in count(1):
            await anyio.sleep_until(self._begun + step * STEP)
            if (piece := next(self._saying, None)) is None:
                if self._over(dialogue, ear) and not self._recordings:
                    return
                piece = self._go_on(dialogue, ear)
            yield piece.ljust(_BYTES, b"\0")

    def _go_on(self, dialogue: Dialogue, ear: Recorder) -> bytes:
        rested = self._over(dialogue, ear) and self._quiet >= REST
        if self._recordings and (rested or self._interrupts(dialogue, ear)):
            pcm = self._recordings.pop(0)
            self._saying = iter([pcm[at : at + _BYTES] for at in range(0, len(pcm), _BYTES)])
            self._expected += 1
            self._quiet = 0.0
            return next(self._saying, b"")
        known = (dialogue.answers, dialogue.current.sound if dialogue.current else 0.0)
        self._quiet = self._quiet + STEP if known == self._known and not ear.left() else 0.0
        self._known = known
        if self._quiet > self._patience:
            raise ClientError(f"no answer came for {self._patience:.0f} s; is there speech in the recording?")
        return b""

    def _over(self, dialogue: Dialogue, ear: Recorder) -> bool:
        """Whether everything that was said has been answered, and the answer been heard."""
        waits = bool(dialogue.turns) and not dialogue.turns[-1].status
        return dialogue.answers >= self._expected and not waits and not ear.left()

    def _interrupts(self, dialogue: Dialogue, ear: Recorder) -> bool:
        turn = dialogue.current
        if self._interrupt is None or turn is None or turn.interrupted is not None:
            return False
        # The answer to what was said last, not one before it.
        expected = len([turn for turn in dialogue.turns if turn.response_id]) >= self._expected
        return expected and turn.sound - ear.left() >= self._interrupt


class Recorder:
    """Hears answers, and keeps what was heard of them."""

    def __init__(self, path: Path) -> None:
        self._file = SoundFile(path)
        self._waiting = bytearray()
        """Not known to be heard."""
        self._until = 0.0
        """When the last of it will have been."""

    def play(self, pcm: bytes) -> None:
        self._keep(self.left())
        self._until = max(self._until, anyio.current_time()) + len(pcm) / 2 / RATE
        self._waiting += pcm

    def drop(self) -> float:
        """Be silent. Seconds of sound that are not heard any more."""
        left = self.left()
        self._keep(left)
        self._waiting.clear()
        self._until = 0.0
        return left

    def left(self) -> float:
        """Seconds of sound that are still to be heard."""
        return max(0.0, self._until - anyio.current_time())

    def close(self) -> None:
        self._keep(self.left())
        self._file.close()

    def _keep(self, left: float) -> None:
        """Write down all but the last `left` seconds of what waits."""
        heard = max(0, len(self._waiting) - round(left * RATE) * 2)
        if heard:
            self._file.write(bytes(self._waiting[:heard]))
            del self._waiting[:heard]
