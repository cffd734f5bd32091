"""From streamed text to units: how much is spoken in one go, and how long the pause after it is.

Owns the clock that the splitter lacks, as a number handed in with every call; knows no voice and does no I/O.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tts.blocks import Kind, classify
from tts.limit import clause_ends, limit_cut
from tts.quotes import is_open
from tts.scripts import script_language, spoken_length
from tts.sentences import LIMIT, SentenceSplitter
from tts.speakable import speakable

CHARS_PER_SECOND = 15
"""How fast speech is until a voice has been measured: about 150 English words a minute."""

_CLAUSE_AFTER = 70
"""Letters without a stop after which a listener with nothing to hear gets a clause."""
_WAIT = 0.15
"""Seconds after which he gets one although the text is shorter, or a tiny sentence alone."""
_SHORTEST_CLAUSE = 20
_TINY = 12
"""Letters below which a sentence is spoken with the next one: alone it sounds clipped and buys no time."""
_MUCH_UNSAID = 300
"""Characters with nothing to say that do not wait for the next sentence: whoever paces the text waits for them."""
_HURRY = 0.5
"""Seconds of buffered sound below which to begin soon matters more than to speak well."""

_CLOSERS = "\"'”’»›)]}」』】*_~` \n"
_STOPS = ".!?…。！？｡।॥؟۔"
_PAUSES = {",": 0.12, "，": 0.12, "、": 0.12, "،": 0.12} | dict.fromkeys(";:；：؛—–", 0.2) | dict.fromkeys(_STOPS, 0.3)
_BLOCK_PAUSE = 0.4
_NO_MARK_PAUSE = 0.05
_WIDE = re.compile("[\u3000-\u9fff\uff00-\uffef]\\Z")


@dataclass(frozen=True, slots=True)
class Unit:
    """What is spoken in one go."""

    text: str
    """As shown, white space at the cuts aside."""
    words: str
    """As said; empty if there is nothing to say."""
    pause: float
    """Seconds of silence between it and the next unit, at normal speed."""


class _Sentence:
    """A finished sentence; what is asked of it at every token is worked out once."""

    __slots__ = ("at", "before", "length", "own", "script", "words")

    def __init__(self, before: str, own: str, words: str, at: float) -> None:
        """`before` is shown text before it that holds nothing to say, `at` when it was finished."""
        self.before, self.own, self.words, self.at = before, own, words, at
        self.length, self.script = spoken_length(words), script_language(words)

    @property
    def text(self) -> str:
        return _joined((self.before, self.own)) if self.before else self.own


class Planner:
    """Text in, units out when somebody can speak them: the later they are taken, the more they hold.

    The first unit is a sentence, or a clause if no stop comes in time. A later unit is at most as long as the sound
    that is buffered, so that any voice faster than speech has made it in time. `now` is any clock in seconds that never
    goes back, `buffered` the seconds until the listener has nothing to hear.
    """

    def __init__(self, lang: str | None = None, *, idle_flush: float = 0.3) -> None:
        """`lang` is a BCP-47 tag. A sentence that only waits for the word after it is released `idle_flush` seconds
        after the last text."""
        self._splitter, self._lang, self._idle_flush = SentenceSplitter(lang), lang, idle_flush
        self._ready: deque[_Sentence] = deque()
        self._unsaid = ""  # shown text that holds nothing to say; it goes with the next sentence
        self._fed_at = self._begun_at = 0.0
        self._ended = False

    @property
    def done(self) -> bool:
        """The text has ended and every unit was taken."""
        return self._ended and not self._ready and not self._unsaid

    @property
    def only_unsaid(self) -> bool:
        """What comes next holds nothing to say, and is much or the last: it is a unit of its own."""
        return not self._ready and len(self._unsaid) > (0 if self._ended else _MUCH_UNSAID)

    def feed(self, text: str, now: float) -> None:
        """Take the next piece of text, of any size."""
        going_on = bool(self._splitter.pending)
        sentences = self._splitter.feed(text)
        if sentences or not going_on:
            self._begun_at = now
        self._fed_at = now
        self._add(sentences, now)

    def end(self, now: float) -> None:
        """No more text comes."""
        self._add(self._splitter.flush(), now)
        self._ended = True

    @property
    def next_length(self) -> int:
        """Letters of the first finished sentence; 0 if there is none."""
        return self._ready[0].length if self._ready else 0

    def ready(self, now: float, buffered: float) -> bool:
        """Whether `take` would return a unit."""
        self._settle(now, buffered)
        return self._count(now, buffered) > 0 or self.only_unsaid

    def take(self, now: float, buffered: float) -> Unit | None:
        """The next unit, or None: there is none yet, or it had better grow. Without words if it is `only_unsaid`."""
        if self.only_unsaid:  # before time makes a sentence of what follows: nobody may be there to say it
            text, self._unsaid = self._unsaid, ""
            return Unit(text, "", 0.0)
        self._settle(now, buffered)
        sentences = [self._ready.popleft() for _ in range(self._count(now, buffered))]
        if not sentences:
            return None
        words = _joined((sentence.words for sentence in sentences), missing=".")
        text = _joined(sentence.text for sentence in sentences)
        return Unit(text, words, pause_after(sentences[-1].own))

    def shorten(self, buffered: float) -> None:
        """Cut the next sentence after a clause if it is longer than the buffered sound.

        For a voice that others wait for: shorter units go round faster.
        """
        budget = buffered * CHARS_PER_SECOND
        if not self._ready or self._ready[0].length <= budget:
            return
        long = self._ready[0]
        ends = _clauses(long.own)
        end = max((end for end in ends if end <= budget), default=ends[0] if ends else 0)
        head, tail = long.own[:end].strip(), long.own[end:].strip()
        first, second = (speakable(half, self._lang) for half in (head, tail))
        if first and second:
            self._ready[0] = _Sentence("", tail, second, long.at)
            self._ready.appendleft(_Sentence(long.before, head, first, long.at))

    def due(self, now: float, buffered: float) -> float | None:
        """When there may be a unit although no text comes; None: never."""
        if self._ended or not (self._ready or self._splitter.pending):
            return None
        times = [self._fed_at + self._idle_flush, self._begun_at + _WAIT]
        if self._ready:
            times.append(self._ready[0].at + _WAIT)
        if buffered > _HURRY:
            times.append(now + max(buffered - _HURRY, 0.001))  # never now, whatever rounding does
        return min((time for time in times if time > now), default=None)

    def _add(self, sentences: Iterable[str], now: float) -> None:
        for own in sentences:
            words = speakable(own, self._lang)
            sentence = _Sentence(self._unsaid, own, words, now)
            self._unsaid = "" if words else sentence.text
            if words:
                self._lang = sentence.script or self._lang
                self._ready.append(sentence)

    def _settle(self, now: float, buffered: float) -> None:
        """Do what time alone has made due."""
        if now >= self._fed_at + self._idle_flush:
            self._add(self._splitter.release(), now)
        if buffered <= _HURRY and sum(sentence.length for sentence in self._ready) < _TINY:
            end = self._clause_end(now)
            if end is not None:
                self._add([self._splitter.take(end)], now)

    def _clause_end(self, now: float) -> int | None:
        text = self._splitter.pending
        length = spoken_length(text)
        if length < _CLAUSE_AFTER and now < self._begun_at + _WAIT:
            return None
        if ends := _clauses(text):
            return ends[-1]
        return limit_cut(text) if length >= 2 * _CLAUSE_AFTER and not _inside(text) else None

    def _count(self, now: float, buffered: float) -> int:
        """How many finished sentences make the next unit; 0: wait."""
        if not self._ready:
            return 0
        budget = min(buffered * CHARS_PER_SECOND, LIMIT)
        count, length = 0, 0
        for sentence in self._ready:
            if count and sentence.script != self._ready[0].script:
                return count
            if length >= _TINY and length + sentence.length > budget:
                return count
            count, length = count + 1, length + sentence.length
        return count if length >= _TINY or not self._may_grow(now, buffered) else 0

    def _may_grow(self, now: float, buffered: float) -> bool:
        return not self._ended and (buffered > _HURRY or now < self._ready[0].at + _WAIT)


def pause_after(text: str) -> float:
    """Seconds of silence that are natural after this text, by its last mark."""
    last = text.rstrip(_CLOSERS)[-1:]
    line = classify(text, 0, final=True)
    block = line is not None and line.kind.is_block
    return max(_PAUSES.get(last, _NO_MARK_PAUSE), _BLOCK_PAUSE if block else 0.0)


def _clauses(text: str) -> list[int]:
    """Where `text` may be cut after a clause that is worth speaking alone."""
    line = classify(text, 0, final=True)
    if line is None or line.kind.is_atomic or line.kind is Kind.FENCE:
        return []
    return [
        end for end in clause_ends(text) if spoken_length(text[:end]) >= _SHORTEST_CLAUSE and not _inside(text[:end])
    ]


def _inside(text: str) -> bool:
    """Whether a cut at the end of `text` would part a quote, a bracket or its markup."""
    return is_open(text) or text.count("**") % 2 == 1


def _joined(texts: Iterable[str], *, missing: str = "") -> str:
    """With a space between, but not in scripts that have none; `missing` is put where a text ends without any mark."""
    whole = ""
    for text in texts:
        if whole and missing and whole.rstrip(_CLOSERS)[-1:] not in _PAUSES:
            whole += missing
        whole += text if not whole or _WIDE.search(whole) else f" {text}"
    return whole
