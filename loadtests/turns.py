"""What is to be learned from one spoken turn: how long its answer took, and how much of that its stages explain.

Times are seconds on the session's sample clock, which sound sent in real time keeps in step with the wall. Does no I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from loadtests.figures import percentile

APPEND_MS = 40
"""Sound in one `input_audio_buffer.append`."""
WINDOW_MS = 32
"""What the voice activity model hears at once; a turn can only end where one of these does."""

STAGES = ("silence", "end told", "answer begun", "first words", "first sound")


@dataclass(slots=True)
class Turn:
    """One turn of a user as his client had it. None: it did not come."""

    begun: float
    """Where the first sample of speech was heard."""
    ended: float
    """Where the last one was."""
    over: bool = False
    """Whether it was spoken into the answer before it."""
    cut_in: int = 0
    """Answers that ended before the turn did: the server cut in at a pause."""
    stopped_ms: int | None = None
    """`audio_end_ms` of the server: where the turn's sound ends, with the silence that told its end."""
    stopped: float | None = None
    """When `speech_stopped` came; likewise the next ones."""
    created: float | None = None
    words: float | None = None
    """The first of its transcript."""
    sound: float | None = None
    started: float | None = None
    """When `speech_started` came, upon which a client falls silent."""
    last_sound: float | None = None
    """When the last sound of the answer that it interrupted came."""
    cancelled: float | None = None
    """When that answer's `response.done` came, with that status."""

    @property
    def answered(self) -> bool:
        return None not in (self.stopped_ms, self.stopped, self.created, self.sound)

    @property
    def hushed(self) -> bool:
        """Whether it ended the answer that it interrupted."""
        return self.started is not None and self.cancelled is not None


@dataclass(frozen=True, slots=True)
class Script:
    """Stages that are known beforehand, seconds each: those of a scripted model and voice."""

    first_token: float
    """From the question to the model's first words."""
    first_unit: float
    """From the question to the text that the voice begins with."""
    first_chunk: float
    """From that to its sound."""

    def expected(self, turn: Turn) -> float:
        """Seconds from the end of speech to the first sound if we took no time at all."""
        return heard(turn) - turn.ended + self.first_unit + self.first_chunk

    def beyond(self, turn: Turn) -> dict[str, float]:
        """The stages of `stages`, less what the script takes; they add up to what the wait is longer than expected."""
        cut = stages(turn)
        cut["silence"] = 0.0
        cut["first words"] -= self.first_token
        cut["first sound"] -= self.first_unit - self.first_token + self.first_chunk
        return cut


def heard(turn: Turn) -> float:
    """When the sound that ends the turn has been sent: the window in which its silence became long enough, and the
    append that holds the end of that window."""
    assert turn.stopped_ms is not None
    window = ceil(turn.stopped_ms / WINDOW_MS) * WINDOW_MS
    return ceil(window / APPEND_MS) * APPEND_MS / 1000


def wait(turn: Turn) -> float:
    """Seconds from the end of speech to the first sound of the answer."""
    assert turn.sound is not None
    return turn.sound - turn.ended


def silence(turn: Turn) -> float:
    """Seconds from the beginning of speech until nothing more of the interrupted answer is heard: its client falls
    silent when `speech_started` comes, and again after any sound that comes later."""
    assert turn.started is not None
    return max(turn.started, turn.last_sound or 0.0) - turn.begun


def stages(turn: Turn) -> dict[str, float]:
    """The wait cut where the wire tells of something, in order; they add up to it."""
    assert turn.stopped is not None
    assert turn.created is not None
    assert turn.sound is not None
    words = turn.sound if turn.words is None else min(turn.words, turn.sound)
    moments = (turn.ended, heard(turn), turn.stopped, turn.created, words, turn.sound)
    return {name: end - begin for name, (begin, end) in zip(STAGES, pairwise(moments), strict=True)}


def both(values: Sequence[float]) -> tuple[float, float]:
    """p50 and p95."""
    return percentile(values, 50), percentile(values, 95)
