"""Spoken answers for tests: every word takes exactly a tenth of a second, and is a unit of its own."""

from __future__ import annotations

from server.realtime.items import Message, Spoken, Status
from tts.timeline import Timeline

WORD_MS = 100
_WORD_SAMPLES = 2400


def spoken(text: str) -> Spoken:
    """The text said aloud."""
    timeline, words = Timeline(), text.split()
    for place, word in enumerate(words):
        timeline.begin(word, place * _WORD_SAMPLES, _WORD_SAMPLES)
        timeline.end((place + 1) * _WORD_SAMPLES)
    return Spoken(text, timeline, len(words) * _WORD_SAMPLES)


def answer(item_id: str, *texts: str, status: Status = "completed") -> Message:
    """An answer of so many spoken parts."""
    return Message(item_id, "assistant", tuple(spoken(text) for text in texts), status)
