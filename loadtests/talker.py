"""One user of a Realtime session: when he speaks, when he listens, when he interrupts. No I/O, no clock.

He speaks in turns: when an answer has been played and a moment has passed, or, every second time if he is one who
interrupts, into the answer.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from loadtests.turns import APPEND_MS, Turn
from loadtests.wire import framed
from tts.voice import WIRE_RATE

APPEND = APPEND_MS / 1000
_SAMPLES = WIRE_RATE * APPEND_MS // 1000
_QUIET = 0.01
"""Of the loudest sample: what is softer at either end is no speech."""
_REST = 1.0
"""Seconds between the end of an answer and the next turn."""
_INTERRUPTS_AFTER = 2.0
"""Seconds of an answer that are heard before it is interrupted."""
_PATIENCE = 15.0
"""Without a sound an answer is then taken not to come, or to have no end."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A turn as messages of the wire, each APPEND seconds. Begins and ends with speech, but for the last message."""

    frames: Sequence[bytes]
    seconds: float
    """Of speech."""


def recording(pcm: bytes) -> Recording:
    """16-bit PCM at WIRE_RATE without the silence around it."""
    samples = np.frombuffer(pcm, "<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET * np.abs(samples.astype(np.int32)).max())
    samples = samples[loud[0] : loud[-1] + 1]
    whole = np.pad(samples, (0, -len(samples) % _SAMPLES))
    return Recording([append(part.tobytes()) for part in whole.reshape(-1, _SAMPLES)], len(samples) / WIRE_RATE)


def append(pcm: bytes) -> bytes:
    return framed({"type": "input_audio_buffer.append", "audio": b64encode(pcm).decode()})


def _room() -> list[bytes]:
    """A second of nobody speaking: -70 dB of noise, since a microphone that gives zeros costs a server less."""
    noise = np.random.default_rng(0).normal(0, 10, (round(1 / APPEND), _SAMPLES))
    return [append(part.astype("<i2").tobytes()) for part in noise]


ROOM = _room()
"""What is sent while the user listens."""


class Talker:
    """Asked for a message every APPEND seconds of his sample clock, and told what the server says."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        until: float,
        *,
        interrupts: bool,
        after: float = _INTERRUPTS_AFTER,
        patience: float = _PATIENCE,
    ) -> None:
        """Says `recordings` in turn, over and over; no turn begins after `until` seconds. Who interrupts hears `after`
        seconds of an answer before he does; nobody waits longer than `patience` seconds for a sound."""
        self._recordings, self._until, self._interrupts = cycle(recordings), until, interrupts
        self._after, self._patience = after, patience
        self.turns: list[Turn] = []
        self.errors: list[Any] = []
        """What the server's `error` events say."""
        self.finished = False
        """Whether he has nothing more to say or to hear."""
        self._saying: Iterator[bytes] = iter(())
        self._room = cycle(ROOM)
        self._rest_until = _REST / 2
        self._answering = False
        """Whether an answer is to come or comes."""
        self._played_until = 0.0

    @property
    def listening(self) -> bool:
        """Whether nobody says anything, nor will unless he begins."""
        return not self._answering

    def next(self, position: float) -> bytes:
        """The message whose sound begins at `position`."""
        if (frame := next(self._saying, None)) is not None:
            return frame
        if self._answering and self._interrupts_now(position):
            return self._begin(position, over=True)
        if self._answering and position > max(self.turns[-1].ended, self._played_until) + self._patience:
            self._answering, self._rest_until = False, position
        if not self._answering and position >= self._rest_until:
            if position <= self._until:
                return self._begin(position)
            self.finished = True
        return next(self._room)

    def _interrupts_now(self, position: float) -> bool:
        turn = self.turns[-1]
        return (
            self._interrupts
            and not turn.over
            and turn.sound is not None
            and turn.sound + self._after <= position < self._played_until
        )

    def _begin(self, position: float, *, over: bool = False) -> bytes:
        said = next(self._recordings)
        self._saying, self._answering = iter(said.frames), True
        self.turns.append(Turn(position, position + said.seconds, over))
        return next(self._saying)

    def hear(self, message: bytes, now: float) -> None:
        """Take what the server said at `now`."""
        if b'"response.output_audio.delta"' in message:  # most of all; JSON of so much sound takes its time
            self._sound(message, now)
        else:
            self._event(json.loads(message), now)

    def _sound(self, message: bytes, now: float) -> None:
        if not self.turns:
            return
        turn = self.turns[-1]
        if turn.created is None:  # of the answer that this turn interrupts
            turn.last_sound = now
            return
        turn.sound = turn.sound or now
        begin = message.index(b'"', message.index(b'"delta":') + 8) + 1
        seconds = (message.index(b'"', begin) - begin) * 3 / 4 / 2 / WIRE_RATE
        self._played_until = max(self._played_until, now) + seconds

    def _event(self, event: dict[str, Any], now: float) -> None:
        if event["type"] == "error":
            self.errors.append(event["error"])
        if not self.turns:
            return
        turn = self.turns[-1]
        match event["type"]:
            case "input_audio_buffer.speech_started":
                turn.started = turn.started or now
                self._played_until = now  # a client drops what it has not played
            case "input_audio_buffer.speech_stopped":
                turn.stopped, turn.stopped_ms = now, event["audio_end_ms"]
            case "response.created" if turn.stopped is not None:
                turn.created = turn.created or now
            case "response.output_audio_transcript.delta" if turn.created is not None:
                turn.words = turn.words or now
            case "response.done" if turn.created is None:
                if event["response"]["status"] == "cancelled":
                    turn.cancelled = now
            case "response.done" if now < turn.ended:  # the server took a pause for the end of the turn
                turn.cut_in += 1
                turn.created = turn.words = turn.sound = None
            case "response.done":
                self._answering = False
                self._rest_until = max(self._played_until, now) + _REST
