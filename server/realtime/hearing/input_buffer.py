"""The input audio buffer: sound that may still belong to a turn, found by its position on the sample clock."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE

Samples = npt.NDArray[np.int16]

MAX_SAMPLES = MAX_SOUND_SECONDS * SAMPLE_RATE
"""What the model hears at most."""


class BufferFullError(Exception):
    """More was appended than the model can hear, and no turn detection ended the turn. Nothing of it was kept."""

    def __init__(self) -> None:
        super().__init__(f"The input audio buffer holds {MAX_SOUND_SECONDS} s at most. Commit or clear it.")


def milliseconds(position: int) -> int:
    """Of samples at SAMPLE_RATE, as events give them."""
    return position * 1000 // SAMPLE_RATE


class InputBuffer:
    """int16 samples at SAMPLE_RATE. Positions are samples since the session began."""

    def __init__(self, at: int = 0) -> None:
        """`at` is the position of the first sample."""
        self._pieces: deque[Samples] = deque()
        self._start = self._end = at

    @property
    def start(self) -> int:
        """Position of the first sample that is kept."""
        return self._start

    @property
    def end(self) -> int:
        """Position behind the last sample: the session's time."""
        return self._end

    @property
    def room(self) -> int:
        """Samples that may be added."""
        return MAX_SAMPLES - (self._end - self._start)

    def append(self, samples: Samples) -> None:
        """Add sound.

        Raises:
            BufferFullError: it would be more than MAX_SAMPLES.
        """
        if len(samples) > self.room:
            raise BufferFullError
        if len(samples):
            self._pieces.append(samples)
            self._end += len(samples)

    def sound(self, start: int, end: int) -> Samples:
        """A copy of the samples from `start` to before `end`, as far as they are kept."""
        joined: Samples = np.concatenate([*self._pieces, np.empty(0, np.int16)])
        return joined[max(start - self._start, 0) : max(end - self._start, 0)]

    def take(self, start: int, end: int) -> Samples:
        """As `sound`, of a turn that is committed: what is before `end` is forgotten."""
        taken = self.sound(start, end)
        self.forget(end)
        return taken

    def forget(self, before: int) -> None:
        """Drop what is before this position."""
        before = min(before, self._end)
        while self._start < before:
            piece = self._pieces.popleft()
            rest = piece[before - self._start :]
            self._start += len(piece) - len(rest)
            if len(rest):
                self._pieces.appendleft(rest.copy())  # a view would keep all of a long append

    def clear(self) -> None:
        """Drop everything; time goes on."""
        self.forget(self._end)
