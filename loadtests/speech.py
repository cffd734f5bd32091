"""How soon an answer is heard, and whether it goes on without gaps, with a scripted model and a scripted voice.

In one process and without an engine, so that it measures what we add and nothing else. The listener plays what he gets
from the moment that he gets it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from loadtests.figures import percentile
from loadtests.report import table
from tests.scripted_voice import ScriptedVoice
from tts.events import Begun, Sound
from tts.plan import Planner, pause_after
from tts.speaker import Speaker
from tts.voice import WIRE_RATE

TOKENS_PER_SECOND = 80
FIRST_CHUNK = 0.12
REAL_TIME_FACTOR = 0.2
WORKERS = 8
LISTENERS = 32
ALONE = 20
"""Answers with a worker of their own, begun half a second apart so that they do not disturb each other."""

STORY = (
    "It was a cold evening in May. The old lighthouse stood at the end of the pier, where nobody had lived for years. "
    "That night, a light was seen in its highest window. The people of the village wondered what it could mean. Some "
    "of them said that it was a ghost, while others thought of smugglers. A girl of nine decided to find out for "
    "herself. She took a lantern and walked along the pier in the dark. The heavy door at the foot of the tower was "
    "open. Inside sat a man who was mending the great lamp with a piece of wire. He had come back after forty years at "
    "sea, and he had promised to light it again. She held the lantern for him until the morning. Since then the lamp "
    "has burned every night."
)
"""Twelve sentences. The first one has 29 letters; the median of first sentences in spoken answers is 30."""

Row = tuple[str, str, str, str]


@dataclass(slots=True)
class Heard:
    """One answer as its listener had it; times in seconds of the monotonic clock."""

    asked: float
    first: float | None = None
    dry_at: float = 0.0
    gaps: list[float] = field(default_factory=list)
    pcm: bytearray = field(default_factory=bytearray)
    units: list[str] = field(default_factory=list)

    def play(self, pcm: bytes, now: float) -> None:
        """Take sound, which is played after what is still to be played."""
        if self.first is None:
            self.first = self.dry_at = now
        self.gaps.append(max(0.0, now - self.dry_at))
        self.dry_at = max(self.dry_at, now) + len(pcm) / 2 / WIRE_RATE
        self.pcm += pcm

    @property
    def wait(self) -> float:
        """Seconds from the question to the first sound."""
        assert self.first is not None
        return self.first - self.asked

    @property
    def longest_gap(self) -> float:
        return max(self.gaps)

    def is_whole(self, voice: ScriptedVoice) -> bool:
        """Every sample of every unit was heard once, in order, and nothing but the planned pauses between them."""
        expected = b"".join(voice.pcm(unit) + _silence(unit) for unit in self.units)
        return self.pcm == expected[: len(expected) - len(_silence(self.units[-1]))]


def _silence(unit: str) -> bytes:
    return bytes(2 * round(pause_after(unit) * WIRE_RATE))


def tokens(text: str) -> list[str]:
    """Pieces as a tokenizer makes them: a word with the space before it, marks apart."""
    return re.findall(r"\s?\w+|\S", text)


async def model(text: str, asked: float) -> AsyncIterator[str]:
    """`text` token by token, each at its time, however late the one before it was fetched."""
    for number, token in enumerate(tokens(text), 1):
        await asyncio.sleep(asked + number / TOKENS_PER_SECOND - monotonic())
        yield token


async def model_at_the_end(text: str, asked: float) -> AsyncIterator[str]:
    """The same, kept until it is whole."""
    yield "".join([token async for token in model(text, asked)])


def voice() -> ScriptedVoice:
    return ScriptedVoice(seconds_per_char=1 / 15, chunk_seconds=0.1, delay=FIRST_CHUNK, rtf=REAL_TIME_FACTOR, slots=1)


async def listen(speaker: Speaker, *, at_the_end: bool = False) -> Heard:
    heard = Heard(monotonic())
    text = (model_at_the_end if at_the_end else model)(STORY, heard.asked)
    async with speaker.say(text, "default") as events:
        async for event in events:
            if isinstance(event, Begun):
                heard.units.append(event.text)
            if isinstance(event, Sound):
                heard.play(event.pcm, monotonic())
    return heard


def first_unit_known(text: str = STORY, first_token: float = 1 / TOKENS_PER_SECOND) -> float:
    """Seconds from the question to the token, or the moment, by which the planner knows the first unit of `text`."""
    planner = Planner()
    for number, token in enumerate(tokens(text)):
        now = first_token + number / TOKENS_PER_SECOND
        due = planner.due(now, 0.0)
        if due is not None and due < now and planner.ready(due, 0.0):
            return due
        planner.feed(token, now)
        if planner.ready(now, 0.0):
            return now
    raise AssertionError("a story without a sentence")


async def alone() -> tuple[list[Heard], list[Heard]]:
    """Answers with a worker each: spoken as they are written, and spoken when they are whole."""

    async def later(number: int, *, at_the_end: bool) -> Heard:
        await asyncio.sleep(number / 2)
        return await listen(Speaker([voice()], {}), at_the_end=at_the_end)

    streamed = await asyncio.gather(*(later(number, at_the_end=False) for number in range(ALONE)))
    return streamed, await asyncio.gather(*(later(number, at_the_end=True) for number in range(3)))


async def crowd() -> list[Heard]:
    """All listeners at once on a few workers."""
    speaker = Speaker([voice() for _ in range(WORKERS)], {})
    return await asyncio.gather(*(listen(speaker) for _ in range(LISTENERS)))


def rows(streamed: Sequence[Heard], whole: Sequence[Heard], many: Sequence[Heard]) -> list[Row]:
    known = first_unit_known()
    late = [heard.wait - known - FIRST_CHUNK for heard in streamed]
    earlier = 1 - percentile([heard.wait for heard in streamed], 50) / percentile([heard.wait for heard in whole], 50)
    gaps, gaps_of_many = ([heard.longest_gap for heard in listeners] for listeners in (streamed, many))
    script = voice()
    broken = sum(not heard.is_whole(script) for heard in (*streamed, *whole, *many))
    return [
        _row("first sound after first unit's text + 120 ms, p95", percentile(late, 95), 0.020),
        ("first sound, p50", _ms(percentile([heard.wait for heard in streamed], 50)), "", ""),
        ("first sound if spoken at the end, p50", _ms(percentile([heard.wait for heard in whole], 50)), "", ""),
        ("earlier than that", f"{earlier:.0%}", ">= 85 %", _verdict(earlier >= 0.85)),
        _row("largest gap beyond the planned pauses", max(gaps), 0.040),
        ("C100", f"{c100(gaps):.0%}", "100 %", _verdict(c100(gaps) == 1)),
        (
            f"{LISTENERS} at once on {WORKERS} workers: C100",
            f"{c100(gaps_of_many):.1%}",
            ">= 99 %",
            _verdict(c100(gaps_of_many) >= 0.99),
        ),
        (f"{LISTENERS} at once: largest gap, p95", _ms(percentile(gaps_of_many, 95)), "", ""),
        (f"{LISTENERS} at once: first sound, p50", _ms(percentile([heard.wait for heard in many], 50)), "", ""),
        (f"{LISTENERS} at once: first sound, p95", _ms(percentile([heard.wait for heard in many], 95)), "", ""),
        ("answers with a sample lost, repeated or out of order", str(broken), "0", _verdict(not broken)),
    ]


def c100(gaps: Sequence[float]) -> float:
    """The share of answers whose largest gap stays under 100 ms."""
    return sum(gap < 0.1 for gap in gaps) / len(gaps)


def _row(name: str, seconds: float, limit: float) -> Row:
    return name, _ms(seconds), f"<= {_ms(limit)}", _verdict(seconds <= limit)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _verdict(passed: bool) -> str:
    return "pass" if passed else "FAIL"


def report(*, markdown: bool) -> str:
    """Measure and describe."""

    async def measure() -> list[Row]:
        return rows(*await alone(), await crowd())

    return table(("speech", "measured", "target", ""), asyncio.run(measure()), markdown)
