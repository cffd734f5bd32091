"""When a user's turn begins and ends, on the sample clock: probabilities of speech in, events out.

Does no I/O and knows no time but samples at SAMPLE_RATE. It is told what the session knows: when a reply plays, how
finished the words of a pause are, what the client commits and clears.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE
from server.realtime.hearing.windows import WINDOW
from server.realtime.turn_config import ServerVad, TurnConfig

_MS = SAMPLE_RATE // 1000
_HYSTERESIS, _LEAST_THRESHOLD = 0.15, 0.01
"""Speech ends only this much below the threshold: voices fade. Silero's own values."""
_DOUBT = 2 * WINDOW
"""Between the two, just before silence, is silence too: the model is slow to let go of a voice."""
_FAINT, _ONSET = 0.2, 3
"""Part of the threshold, and windows before speech, in which it makes that one the first: the model hardly hears the
"st" of "stop"."""
_SEMANTIC_THRESHOLD, _SEMANTIC_PADDING_MS = 0.5, 300
"""What `semantic_vad` has no field for is as `server_vad` has it by default."""
_NEEDED, _AMONG = 2, 3
"""Windows of speech, 64 of 96 ms, that begin a turn: one alone is a click; "no" is longer."""
_NEEDED_OVER_REPLY, _AMONG_OVER_REPLY = 4, 8
"""The same over a reply, 128 of 256 ms: a click or two do not stop it, and where the reply's echo is louder than
the user for a window, a word still counts."""
_SURE, _SURE_ABOVE_NOISE, _NEEDED_SURE = 0.98, 12.0, 3
"""Probability, and dB above the noise, of which three windows in a row are enough over a reply: most words begin like
that, and hardly a click."""
_TAIL = 500 * _MS
"""After a reply, how long its echo may still arrive."""
_ABOVE_NOISE = 6.0
"""dB that speech over a reply rises above the noise: somebody far away does not stop it."""
_FIRST_NOISE, _LEAST_NOISE = -40.0, -60.0
"""dB of full scale."""
_NOISE_RISE = 0.08
"""dB a window; the noise falls at once, between words too."""
_PAUSE = 160 * _MS
"""Silence after which the words may be judged: longer than the closure of a consonant."""
_SHORTEST_WAIT = 320 * _MS
"""After words that surely end a sentence: below it the gaps inside slow speech end turns."""
_LONGEST = (MAX_SOUND_SECONDS - 1) * SAMPLE_RATE
"""A turn that grows to this is ended: the model hears a second more, room for what came with the last window."""


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody has begun to speak, some windows ago. Positions are samples since the session began."""

    at: int
    """Where the turn's sound begins: with padding, but not within the turn before."""
    speech: int
    """Where the speech begins."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Speech ended at `at`, perhaps for good. A judge of the words may say so with `TurnDetector.judged`."""

    at: int
    pause: int
    """Number of the pause."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The pause was none: speech goes on from `at`."""

    at: int
    pause: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn has ended."""

    at: int
    """Where the turn's sound ends: with the silence that ended it."""
    speech: int
    """Where the speech ends."""
    forced: bool = False
    """The turn was as long as the model can hear; the speaker may go on."""


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """Nobody has spoken since a reply was played to its end."""

    start: int
    end: int


TurnEvent = Started | Paused | Resumed | Stopped | IdleTimeout


class TurnDetector:
    """Windows of one session in, turns out."""

    def __init__(self, config: TurnConfig, at: int = 0) -> None:
        """`at` is where the first window begins."""
        self.config = config
        """May be changed at any time, also in the middle of a turn."""
        self._at = self._floor = at
        self._recent: deque[bool] = deque(maxlen=_AMONG_OVER_REPLY)
        self._faint: deque[bool] = deque(maxlen=_AMONG_OVER_REPLY + _ONSET)
        self._sure = 0
        """Windows in a row that surely are speech."""
        self._noise = _FIRST_NOISE
        self._turn: _Turn | None = None
        self._pauses = 0
        self._played_until: float = -math.inf
        """Infinite while a reply plays."""
        self._idle_armed = False

    @property
    def position(self) -> int:
        """Where the next window begins."""
        return self._at

    @property
    def speaking(self) -> bool:
        """Whether a turn has started and not stopped."""
        return self._turn is not None

    @property
    def earliest(self) -> int:
        """No event to come begins before this sample: earlier sound may be forgotten."""
        if self._turn is not None:
            return self._turn.start
        earliest = max(self._floor, self._at - (_AMONG_OVER_REPLY + _ONSET) * WINDOW - self._padding)
        return min(earliest, self._idle_start) if self._idle_timeout is not None else earliest

    def is_speech(self, probability: float) -> bool:
        """Whether a window of this probability counts as speech, if it is no echo."""
        return probability >= self._threshold

    def feed(self, probability: float, level: float, *, echo: bool = False) -> list[TurnEvent]:
        """Take the next window: the probability that it is speech, its level in dB of full scale, and whether it is
        taken for an echo of the reply."""
        begin = self._at
        self._at += WINDOW
        voiced = self.is_speech(probability) and not echo
        silent = echo or probability < max(self._threshold - _HYSTERESIS, _LEAST_THRESHOLD)
        if silent and not echo:
            self._noise = max(_LEAST_NOISE, min(level, self._noise + _NOISE_RISE))
        if self._turn is None:
            self._faint.append(probability >= self._threshold * _FAINT and not echo)
            sure = voiced and probability >= _SURE and level >= self._noise + _SURE_ABOVE_NOISE
            self._sure = self._sure + 1 if sure else 0
            return self._listen(voiced, level)
        return self._follow(self._turn, begin, voiced, silent)

    @property
    def pauses(self) -> bool:
        """Whether a turn has paused: it may be about to end."""
        return self._turn is not None and self._turn.pause > 0 and self._turn.silent

    def quiet_until(self, at: int, level: float) -> list[TurnEvent]:
        """What came after the last window, up to `at`, has this level in dB. If that is no more than noise, the silence
        of a turn that has paused is taken to be as long: it need not wait for windows to be filled."""
        turn = self._turn
        if turn is None or not self.pauses or level > self._noise + _ABOVE_NOISE:
            return []
        wait = self._wait(turn)
        return [self._stop(turn.end + wait, turn.end)] if at - turn.end >= wait else []

    def judged(self, pause: int, probability: float) -> None:
        """The words up to this pause end a turn with this probability. The last judgement counts; one that comes when
        the speaker has gone on is ignored, and so is any while the config is `ServerVad`."""
        if self._turn is not None and self._turn.pause == pause:
            self._turn.ending = min(max(probability, 0.0), 1.0)

    def playback_began(self) -> None:
        """A reply begins to play, or soon will."""
        self._played_until = math.inf
        self._idle_armed = False

    def playback_ended(self, at: int) -> None:
        """The reply plays until this sample, which may be one to come."""
        self._played_until = at
        self._idle_armed = True

    def committed(self, at: int) -> None:
        """The client took the sound up to this sample as a turn. A turn that runs has ended without `Stopped`; who
        speaks on begins another."""
        self.cleared(at)
        self._idle_armed = False

    def cleared(self, at: int) -> None:
        """The client dropped the sound up to this sample. As with `committed`, without a word about being idle."""
        self._floor = max(self._floor, at)
        self._turn = None
        self._recent.clear()
        self._faint.clear()
        self._sure = 0

    @property
    def _threshold(self) -> float:
        return self.config.threshold if isinstance(self.config, ServerVad) else _SEMANTIC_THRESHOLD

    @property
    def _padding(self) -> int:
        config = self.config
        return (config.prefix_padding_ms if isinstance(config, ServerVad) else _SEMANTIC_PADDING_MS) * _MS

    @property
    def _idle_timeout(self) -> int | None:
        """Samples; None if the model is not to speak by itself at present."""
        if not self._idle_armed or not isinstance(self.config, ServerVad) or self.config.idle_timeout_ms is None:
            return None
        return self.config.idle_timeout_ms * _MS

    @property
    def _idle_start(self) -> int:
        return max(self._floor, int(self._played_until))

    def _listen(self, voiced: bool, level: float) -> list[TurnEvent]:
        over_reply = self._at <= self._played_until + _TAIL
        self._recent.append(voiced and not (over_reply and level < self._noise + _ABOVE_NOISE))
        needed, among = (_NEEDED_OVER_REPLY, _AMONG_OVER_REPLY) if over_reply else (_NEEDED, _AMONG)
        recent = list(self._recent)[-among:]
        if sum(recent) >= needed or self._sure >= _NEEDED_SURE:
            return [self._start(len(recent) - recent.index(True))]
        idle = self._idle_timeout
        if idle is not None and self._at - self._idle_start >= idle and not any(recent):
            timeout = IdleTimeout(self._idle_start, self._at)
            self.committed(self._at)
            return [timeout]
        return []

    def _start(self, count: int) -> Started:
        """A turn whose speech began this many windows ago, or a little before."""
        before = list(self._faint)[-count - _ONSET : -count]
        count += len(before) - before.index(True) if True in before else 0
        speech = max(self._floor, self._at - count * WINDOW)
        start = max(self._floor, speech - self._padding)
        self._turn = _Turn(start, self._at)
        self._recent.clear()
        self._faint.clear()
        self._sure = 0
        self._idle_armed = False
        return Started(start, speech)

    def _follow(self, turn: _Turn, begin: int, voiced: bool, silent: bool) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        if voiced:
            if turn.pause:
                events.append(Resumed(begin, turn.pause))
            turn.go_on(self._at)
        elif silent and not turn.silent:
            turn.silent, turn.end = True, max(turn.end, begin - _DOUBT)
        if turn.silent and self._at - turn.end >= (wait := self._wait(turn)):
            return [*events, self._stop(turn.end + wait, turn.end)]
        if self._at - turn.start >= _LONGEST:
            return [*events, self._stop(self._at, turn.end, forced=True)]
        if turn.silent and not turn.pause and self._at - turn.end >= _PAUSE:
            self._pauses += 1
            turn.pause = self._pauses
            events.append(Paused(turn.end, turn.pause))
        return events

    def _wait(self, turn: _Turn) -> int:
        """Samples of silence that end the turn. Between the shortest and the longest, the judgement decides by ratio:
        half sure is a second rather than two, for every wait is felt by its own length."""
        if isinstance(self.config, ServerVad):
            return self.config.silence_duration_ms * _MS
        longest = self.config.longest_wait_ms * _MS
        return round(longest * math.pow(_SHORTEST_WAIT / longest, turn.ending))

    def _stop(self, at: int, speech: int, *, forced: bool = False) -> Stopped:
        self._floor, self._turn = at, None
        return Stopped(at, speech, forced)


@dataclass(slots=True)
class _Turn:
    """A turn that has not stopped."""

    start: int
    end: int
    """Of the speech so far."""
    silent: bool = False
    pause: int = 0
    """Number of the present one; 0: none."""
    ending: float = 0.0
    """Probability that the words up to the pause end the turn; until somebody says so they do not."""

    def go_on(self, end: int) -> None:
        self.end, self.silent, self.pause, self.ending = end, False, 0, 0.0
