"""Reads one streamed answer with as little work as possible: JSON until its first words, after them only bytes."""

from __future__ import annotations

import json
import re

USAGE = re.compile(rb'"completion_tokens":\s*(\d+)')

TAIL = 2048
"""Bytes in which the last two events, the usage and the end mark, find room."""

END = b"data: [DONE]"


class AnswerError(Exception):
    """The stream is not a whole answer; holds its end."""


class AnswerReader:
    """Fed with what the network gives, cut anywhere. `first_words` is the time given with the piece that held them."""

    def __init__(self) -> None:
        self.first_words: float | None = None
        self._head, self._tail = b"", b""

    def feed(self, data: bytes, now: float) -> None:
        self._tail = (self._tail + data)[-TAIL:]
        if self.first_words is not None:
            return
        *events, self._head = (self._head + data).split(b"\n\n")
        if any(map(has_words, events)):
            self.first_words = now

    @property
    def tokens(self) -> int:
        """Tokens of the whole answer.

        Raises:
            AnswerError: it broke off, or the server sent no usage.
        """
        counts = USAGE.findall(self._tail)
        if END not in self._tail or not counts:
            raise AnswerError(self._tail.decode(errors="replace"))
        return int(counts[-1])


def has_words(event: bytes) -> bool:
    data = event.removeprefix(b"data: ")
    if not data.startswith(b"{"):
        return False
    return any(choice["delta"].get("content") for choice in json.loads(data).get("choices", ()))
