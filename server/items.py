"""Input items of the Responses API as chat messages, which history, attachments and the engine understand. No I/O."""

from __future__ import annotations

from typing import Any

from openai.types.responses import ResponseCustomToolCall, ResponseFunctionToolCall, ResponseReasoningItem
from pydantic import BaseModel

from server.errors import RequestError
from server.message_fields import HINTS, check_fields, check_part

Item = dict[str, Any]

_SAID: dict[str, type[BaseModel]] = {
    "function_call": ResponseFunctionToolCall,
    "custom_tool_call": ResponseCustomToolCall,
    "reasoning": ResponseReasoningItem,
}
"""Items of the assistant's that are no messages."""
CALLS = (*_SAID, "function_call_output", "custom_tool_call_output")
"""Items that the engine reads as they are."""
_ROLES = ("user", "assistant", "system", "developer")
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
"""Kinds of text parts, and where each has its text."""
_OF_MESSAGES = {"type", "role", "content", "id", "status", "phase"}
_OF_PICTURES = {"type", "image_url", "detail", *HINTS}
_OF_OUTPUTS = {"type", "call_id", "output", "id", "status", "name"}


def as_messages(items: list[Item]) -> list[Item]:
    """`items` with every message in the form of chat completions. Each stays at its place.

    Raises:
        RequestError: an item or a part is malformed or of a kind that is not served.
    """
    return [_item(item, f"input[{number}]") for number, item in enumerate(items)]


def _item(item: Item, where: str) -> Item:
    kind = item.get("type", "message")
    if kind == "message":
        return _message(item, where)
    if kind not in CALLS:
        known = ", ".join(("message", *CALLS))
        raise RequestError(f"{where}: items of type {str(kind)[:40]!r} are not served; known are {known}.", param=where)
    if kind in _SAID:  # which SDKs send with all that they made of it
        return {name: value for name, value in item.items() if name in _SAID[kind].model_fields}
    check_fields(item, _OF_OUTPUTS, where)
    if isinstance(output := item.get("output"), list):
        return item | {"output": _text(output, f"{where}.output")}
    return item


def _message(item: Item, where: str) -> Item:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise RequestError(f"{where}: a message's role must be one of {', '.join(_ROLES)}.", param=f"{where}.role")
    if role != "assistant":
        check_fields(item, _OF_MESSAGES, where)
    if isinstance(content, str):
        return {"role": role, "content": content}
    if not isinstance(content, list):
        raise RequestError(f"{where}: content must be a string or a list of parts.", param=f"{where}.content")
    if role != "user":
        return {"role": role, "content": _text(content, f"{where}.content", as_said=role == "assistant")}
    return {"role": role, "content": [_part(part, f"{where}.content[{at}]") for at, part in enumerate(content)]}


def _text(parts: list[Any], where: str, *, as_said: bool = False) -> str:
    """The texts of parts that must all be text."""
    texts = []
    for place, part in enumerate(parts):
        text = _text_part(part, f"{where}[{place}]", as_said=as_said)
        if text is None:
            raise RequestError(f"{where}[{place}] must be text.", param=f"{where}[{place}]")
        texts.append(text)
    return "".join(texts)


def _text_part(part: object, where: str, *, as_said: bool = False) -> str | None:
    field = _TEXTS.get(str(part.get("type")), "") if isinstance(part, dict) else ""
    if not isinstance(part, dict) or not isinstance(text := part.get(field), str):
        return None
    if not as_said:
        check_fields(part, {"type", field, *HINTS}, where)
    return text


def _part(part: object, where: str) -> object:
    """A part of a user's message; those of chat completions are taken too, for sound and videos."""
    if (text := _text_part(part, where)) is not None:
        return {"type": "text", "text": text}
    if not isinstance(part, dict):
        return part
    if ("file_id" in part and part["file_id"] is not None) or part.get("type") == "input_file":
        raise RequestError(f"{where}: this server keeps and reads no files; send pictures and sound.", param=where)
    if part.get("type") == "input_image":
        check_fields(part, _OF_PICTURES, where)
        return {"type": "image_url", "image_url": {"url": part.get("image_url")}}
    if str(part.get("type")) in _TEXTS:
        raise RequestError(f"{where}: a text part must have a text.", param=where)
    check_part(part, where)
    return part
