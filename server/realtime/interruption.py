"""An answer that was cut off, and what it takes to go on with it from the heard point. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from engine.api import Engine
from server.realtime.answer import Answer
from server.realtime.config import ResponseConfig
from server.realtime.sources import Chunks, asked, continued, saying


@dataclass(frozen=True, slots=True)
class Interruption:
    """What was said, and how much of it was heard."""

    asked: ResponseConfig
    text: str
    """What the model had written, of that what was to be said since it was last cut off."""
    heard: str
    whole: bool
    """Whether the model had ended."""
    request: dict[str, Any]
    """That was answered."""
    item_id: str | None
    """Of what was said."""
    before: str = ""
    """What was heard of the same answer until it was cut off the time before."""

    @classmethod
    def of(cls, answer: Answer, request: dict[str, Any], heard: int, before: str) -> Self | None:
        """Of an answer of which so many samples were heard; None if nothing is missing, or none of it is speech."""
        words, item_id = answer.words_until(heard), _item_id(answer)
        told = cls(answer.asked, answer.text, words, answer.written, request, item_id, before)
        spoken = answer.asked.config.modality == "audio" and answer.asked.in_conversation
        return told if spoken and told.text and told.rest.strip() else None

    @classmethod
    def before_any_word(cls, answer: Answer, request: dict[str, Any]) -> Self:
        """Of an answer of which nothing counts as heard: it is given once more."""
        return cls(answer.asked, "", "", False, request, _item_id(answer))

    @property
    def rest(self) -> str:
        """What was written and not heard. The words heard are the text's own, but for white space and markup between
        them, so they are counted by their letters."""
        missing = sum(not letter.isspace() for letter in self.heard)
        for place, letter in enumerate(self.text):
            if missing <= 0:
                return self.text[place:]
            missing -= not letter.isspace()
        return ""

    @property
    def said(self) -> str:
        """What was heard of the whole answer, as it was written."""
        return self.before + self.text.removesuffix(self.rest)

    def source(self, engine: Engine) -> Chunks:
        """The rest, and what the model adds to it if it had not ended; all of it if nothing is known."""
        if not self.text:
            return asked(engine, self.request)
        if self.whole:
            return saying(self.rest)
        so_far = {"role": "assistant", "content": self.before + self.text}
        request = self.request | {"messages": [*self.request["messages"], so_far]}
        return continued(self.rest, engine, request)


def _item_id(answer: Answer) -> str | None:
    return None if answer.message is None else answer.message.id
