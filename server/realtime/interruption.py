"""An answer that was cut off, and what it takes to go on with it from the heard point. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from engine.api import Engine
from server.realtime.answer import Answer
from server.realtime.config import ResponseConfig
from server.realtime.sources import Chunks, asked, continued, saying, unheard


@dataclass(frozen=True, slots=True)
class Interruption:
    """What was said, and how much of it was heard."""

    asked: ResponseConfig
    text: str
    """What the model had written."""
    heard: str
    whole: bool
    """Whether the model had ended."""
    request: dict[str, Any]
    """That was answered."""
    item_id: str | None
    """Of what was said."""
    said: str = ""
    """What was heard of the answer before, in responses that were cut off too."""

    @classmethod
    def of(cls, answer: Answer, request: dict[str, Any], heard: int, said: str = "") -> Self | None:
        """Of an answer of which so many samples were heard; None if nothing is missing, or it is in no conversation."""
        item_id, whole = None if answer.message is None else answer.message.id, answer.written or answer.over
        told = cls(answer.asked, answer.text, answer.words_until(heard), whole, request, item_id, said)
        return told if answer.asked.in_conversation and (told.rest.strip() or not whole) else None

    @property
    def said_and_heard(self) -> str:
        """The answer as far as it was heard."""
        return self.said + self.text.removesuffix(self.rest)

    @property
    def rest(self) -> str:
        """What was written and not heard."""
        return unheard(self.text, self.heard)

    def source(self, engine: Engine) -> Chunks:
        """The rest, and what the model adds to it if it had not ended; all of it if nothing is known."""
        if self.whole:
            return saying(self.rest)
        if not (self.said or self.text):
            return asked(engine, self.request)
        so_far = {"role": "assistant", "content": self.said + self.text}
        request = self.request | {"messages": [*self.request["messages"], so_far]}
        return continued(self.rest, engine, request)
