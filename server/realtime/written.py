"""What the chunks of an answer say, as events: its text, its calls of functions, its end. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from server.chunks import Chunk, choice_of, text_of


@dataclass(frozen=True, slots=True)
class Text:
    """The answer's text goes on. Reasoning, calls and their markup are no part of it."""

    delta: str


@dataclass(frozen=True, slots=True)
class CallBegun:
    """The model calls a function; one call after the other."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """The arguments of the call that has begun go on."""

    delta: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is whole. One that the answer's length has cut off has no such end."""

    arguments: str
    """JSON, as the model wrote it."""


@dataclass(frozen=True, slots=True)
class Written:
    """The model has ended."""

    finish_reason: str | None
    """"stop", "tool_calls", "length" or "content_filter"; None: it did not say."""
    usage: dict[str, Any] | None
    """Tokens of the request, as the engine counts them (`engine.usage`); None: no engine was asked."""


Writing = Text | CallBegun | CallArguments | CallEnded | Written


class Writer:
    """Chunks in, events out. The last of them is `Written`."""

    def __init__(self) -> None:
        self._blank = ""
        """White space before the first word, which is text only if a word follows: models put it before calls."""
        self._worded = False
        self._call: int | None = None
        self._arguments = ""
        self._finish_reason: str | None = None
        self._usage: dict[str, Any] | None = None

    def feed(self, chunk: Chunk) -> Iterator[Writing]:
        """Take a chunk that holds no `error`."""
        self._usage = chunk.get("usage") or self._usage
        choice = choice_of(chunk)
        if choice is None:
            return
        if text := self._text(text_of(chunk)):
            yield Text(text)
        for call in choice["delta"].get("tool_calls") or ():
            yield from self._call_goes_on(call)
        self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def flush(self) -> Iterator[Writing]:
        """No more chunks come."""
        if self._finish_reason != "length":
            yield from self._end_call()
        yield Written(self._finish_reason, self._usage)

    def _text(self, text: str) -> str:
        text, self._blank = self._blank + text, ""
        if not self._worded and not text.strip():
            self._blank = text
            return ""
        self._worded = True
        return text

    def _call_goes_on(self, call: dict[str, Any]) -> Iterator[Writing]:
        function = call.get("function") or {}
        if call["index"] != self._call:
            yield from self._end_call()
            self._call = call["index"]
            yield CallBegun(call["id"], function["name"])
        if arguments := function.get("arguments"):
            self._arguments += arguments
            yield CallArguments(arguments)

    def _end_call(self) -> Iterator[Writing]:
        if self._call is not None:
            yield CallEnded(self._arguments)
            self._call, self._arguments = None, ""
