"""Which fields messages and their parts may have: one that nothing would read is refused by name, not ignored."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from server.errors import RequestError

Message = dict[str, Any]

BREAKPOINT = "prompt_cache_breakpoint"
"""OpenAI's clients may send it with any part: equal beginnings of prompts are always found."""

_OF_ALL = {"role", "content", "name", "task"}
_OF_ROLES = {
    # An answer sent back as it came: where its words are from is for people.
    "assistant": {"tool_calls", "reasoning", "reasoning_content", "audio", "annotations"},
    "tool": {"tool_call_id"},
    "developer": {"tools"},
}
_OF_PARTS = {"text": {"text"}, "refusal": {"refusal"}, "video_url": {"video_url", "audio"}} | {
    kind: {kind} for kind in ("image_url", "audio_url", "input_audio")
}
_INSIDE = {
    "image_url": {"url", "detail"},
    "video_url": {"url", "audio"},
    "audio_url": {"url"},
    "input_audio": {"data", "format"},
}


def check_messages(messages: list[Message]) -> None:
    """Check the fields of messages of chat completions. Parts of other kinds than ours belong to the engine.

    Raises:
        RequestError: a field is unknown, with its path.
    """
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        check_fields(message, _OF_ALL | _OF_ROLES.get(str(message.get("role")), set()), where)
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            check_part(part, f"{where}.content[{place}]")


def check_part(part: object, where: str) -> None:
    """Check the fields of one content part. Raises RequestError, as in `check_messages`."""
    kind = str(part.get("type")) if isinstance(part, dict) else ""
    if not isinstance(part, dict) or kind not in _OF_PARTS:
        return
    check_fields(part, {"type", BREAKPOINT} | _OF_PARTS[kind], where)
    if kind in _INSIDE and isinstance(inside := part.get(kind), dict):
        check_fields(inside, _INSIDE[kind], f"{where}.{kind}")


def check_fields(entry: dict[str, Any], known: Container[str], where: str) -> None:
    """Null asks for nothing, whatever its field is called. Raises RequestError, as in `check_messages`."""
    for name, value in entry.items():
        if value is not None and name not in known:
            path = f"{where}.{name}"
            raise RequestError(f"Unknown field: {path}.", param=path)
