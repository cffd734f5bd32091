"""Which fields messages and their parts may have: one that asks for what nothing does is refused by name, not ignored.

What an assistant said is a record, which SDKs send back with all that they made of it: there nothing is refused.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from server.errors import RequestError

Message = dict[str, Any]

HINTS = frozenset({"id", "uuid", "cache_control", "prompt_cache_breakpoint"})
"""Of any part: how clients name it, and what others are to keep of it. Here equal beginnings of prompts and equal
attachments are always found."""

_OF_ALL = {"role", "content", "name", "task"}
_OF_ROLES = {"tool": {"tool_call_id"}, "developer": {"tools"}}
_OF_PARTS = {"text": {"text"}, "video_url": {"video_url", "audio"}} | {
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
        role, content, where = str(message.get("role")), message.get("content"), f"messages[{number}]"
        if role == "assistant":
            continue
        check_fields(message, _OF_ALL | _OF_ROLES.get(role, set()), where)
        for place, part in enumerate(content if isinstance(content, list) else ()):
            check_part(part, f"{where}.content[{place}]")


def check_part(part: object, where: str) -> None:
    """Check the fields of one content part. Raises RequestError, as in `check_messages`."""
    kind = str(part.get("type")) if isinstance(part, dict) else ""
    if not isinstance(part, dict) or kind not in _OF_PARTS:
        return
    check_fields(part, {"type", *HINTS} | _OF_PARTS[kind], where)
    if kind in _INSIDE and isinstance(inside := part.get(kind), dict):
        check_fields(inside, _INSIDE[kind], f"{where}.{kind}")


def check_fields(entry: dict[str, Any], known: Container[str], where: str) -> None:
    """Null asks for nothing, whatever its field is called. Raises RequestError, as in `check_messages`."""
    for name, value in entry.items():
        if value is not None and name not in known:
            path = f"{where}.{name}"
            raise RequestError(f"Unknown field: {path}.", param=path)
