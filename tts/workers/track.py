"""The sound of one unit, out of all that workers wrote of it: each sample once. Does no I/O."""

from __future__ import annotations

from tts.voice import VoiceError


class Track:
    """Chunks in, as they were written: by one worker or by several after each other, some of them twice."""

    def __init__(self) -> None:
        self._attempt = self._next = 0
        self._made = 0  # samples of this attempt
        self._sent = 0  # samples of any

    def feed(self, attempt: int, seq: int, pcm: bytes) -> bytes | None:
        """The new samples of a chunk, or None: it is of an older attempt, or was here before.

        Raises:
            VoiceError: a chunk before this one is lost.
        """
        if (attempt, seq) < (self._attempt, self._next):
            return None
        if attempt > self._attempt:
            self._attempt, self._next, self._made = attempt, 0, 0
        if seq != self._next:
            raise VoiceError(f"Sound was lost: chunk {seq} came instead of {self._next}.")
        self._next += 1
        known = 2 * max(0, self._sent - self._made)
        self._made += len(pcm) // 2
        self._sent = max(self._sent, self._made)
        return pcm[known:]
