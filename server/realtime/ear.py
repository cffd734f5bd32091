"""What the server hears of one session: a client's bytes in, turns out, in order and on the sample clock.

Joins the input buffer, the voice activity model, the turn detector and the echo guard. Knows neither conversation nor
replies.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.api import SAMPLE_RATE
from server.realtime.hearing.echo import EchoGuard
from server.realtime.hearing.formats import Incoming, SoundFormat
from server.realtime.hearing.input_buffer import InputBuffer
from server.realtime.hearing.turn_config import TurnConfig
from server.realtime.hearing.turns import TurnDetector, TurnEvent
from server.realtime.hearing.vad import VadStream
from server.realtime.hearing.windows import WINDOW, Windows, levels
from tts.voice import WIRE_RATE

Samples = npt.NDArray[np.int16]

_PIECE = SAMPLE_RATE
"""Samples heard at a time of a long append, so that what they lead to is not held up by what follows."""


class Activity(Protocol):
    """How probable speech is (`hearing.vad.Vad`)."""

    def stream(self) -> VadStream: ...

    async def probabilities(self, stream: VadStream, windows: Samples, /) -> list[float]: ...


class Ear:
    """One session's input."""

    def __init__(self, activity: Activity, format: SoundFormat, turns: TurnConfig | None) -> None:
        """`turns` None: the client says where turns end."""
        self._activity, self._stream = activity, activity.stream()
        self._format, self._incoming = format, Incoming(format)
        self._windows = Windows()
        self._echo = EchoGuard()
        self.buffer = InputBuffer()
        self.detector: TurnDetector | None = None
        self.set_turns(turns)

    @property
    def now(self) -> int:
        """The session's time: samples at SAMPLE_RATE that were heard."""
        return self.buffer.end

    def set_format(self, format: SoundFormat) -> None:
        """What comes next is written like this."""
        if format != self._format:
            self._format, self._incoming = format, Incoming(format)

    def set_turns(self, turns: TurnConfig | None) -> None:
        """Find turns like this from now on; a turn that runs goes on."""
        if turns is None:
            self.detector = None
        elif self.detector is None:
            self.detector, self._windows = TurnDetector(turns, self.now), Windows()
        else:
            self.detector.config = turns

    async def hear(self, data: bytes) -> AsyncGenerator[TurnEvent, None]:
        """Take the next bytes, and give what comes of them.

        Raises:
            BufferFullError: more than the model can hear was not taken by anybody; the rest of `data` is lost.
        """
        for piece in _pieces(self._incoming.feed(data)):
            self.buffer.append(piece)
            if self.detector is None:
                continue
            windows = self._windows.feed(piece)
            probabilities = await self._activity.probabilities(self._stream, windows)
            for window, probability, level in zip(windows, probabilities, levels(windows).tolist(), strict=True):
                if self.detector is None:  # an event before has changed the session
                    break
                self._echo.hears(self.detector.position, window)
                for event in self.detector.feed(probability, level, echo=probability > 0.1 and self._echo.is_echo()):
                    yield event
            if self.detector is not None:
                self.buffer.forget(self.detector.earliest)

    def plays(self, pcm: bytes, ahead: float) -> None:
        """The client plays this sound of a reply, at WIRE_RATE, `ahead` seconds from now."""
        self._echo.played(self.now + round(ahead * SAMPLE_RATE), pcm)

    def falls_silent(self) -> None:
        """What was to be played from now on is not."""
        self._echo.stopped(self.now)

    def take(self, start: int, end: int) -> Samples:
        """The sound of a turn that is committed."""
        return self.buffer.take(start, end)

    def take_all(self) -> Samples:
        """Everything that is buffered, as a turn that the client has ended."""
        taken = self.buffer.take(self.buffer.start, self.now)
        if self.detector is not None:
            self.detector.committed(self.now)
        return taken

    def clear(self) -> None:
        """Forget what is buffered."""
        self.buffer.clear()
        if self.detector is not None:
            self.detector.cleared(self.now)


def seconds_of(pcm: bytes) -> float:
    """How long sound at WIRE_RATE lasts."""
    return len(pcm) / (2 * WIRE_RATE)


def _pieces(samples: Samples) -> Iterator[Samples]:
    for at in range(0, len(samples), _PIECE):
        yield samples[at : at + _PIECE]


