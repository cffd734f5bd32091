"""Streamed chat completion chunks as the engine writes them, and what a spoken answer changes in them. No I/O."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

Chunk = dict[str, Any]

_ENDING = ("finish_reason", "stop_reason")


def parse(event: str) -> Chunk | None:
    """The chunk in one of the engine's events (`data: {...}`); None for the closing `data: [DONE]`."""
    data = event.removeprefix("data: ").rstrip("\n")
    return None if data == "[DONE]" else from_json(data)


def choice_of(chunk: Chunk) -> dict[str, Any] | None:
    """The chunk's only choice; a usage chunk has none."""
    choices = chunk.get("choices")
    return choices[0] if choices else None


def text_of(chunk: Chunk) -> str:
    """The answer's text in this chunk. Reasoning and tool calls are not part of it."""
    choice = choice_of(chunk)
    return (choice["delta"].get("content") if choice else None) or ""


def split_end(chunk: Chunk) -> tuple[Chunk | None, Chunk | None]:
    """The part to send now and the part that ends the answer; the end waits until all is spoken.

    The engine may put the last words and the finish reason into one chunk: then it becomes two.
    """
    choice = choice_of(chunk)
    if choice is None:
        return None, chunk
    if choice.get("finish_reason") is None:
        return chunk, None
    if not any(choice["delta"].values()):
        return None, chunk
    ending = {name: choice[name] for name in _ENDING if name in choice}
    words = {name: value for name, value in choice.items() if name not in ending}
    now = chunk | {"choices": [words | {"finish_reason": None}]}
    return now, chunk | {"choices": [{"index": choice["index"], "delta": {}} | ending]}


def with_transcript(chunk: Chunk, audio_id: str, *, text_in_content: bool) -> Chunk:
    """`chunk` with its text as `delta.audio.transcript`; `content` null unless it is to repeat the text."""
    choice = choice_of(chunk)
    if choice is None:
        return chunk
    delta, text = dict(choice["delta"]), text_of(chunk)
    if "content" in delta and not text_in_content:
        delta["content"] = None
    if text:
        delta["audio"] = {"id": audio_id, "transcript": text}
    return chunk | {"choices": [choice | {"delta": delta}]}


def audio_chunk(like: Chunk, audio: dict[str, Any]) -> Chunk:
    """A chunk of the same completion as `like` that carries only `delta.audio`."""
    head = {name: like[name] for name in ("id", "object", "created", "model") if name in like}
    return head | {"choices": [{"index": 0, "delta": {"audio": audio}, "finish_reason": None}]}
