"""Items as the chat messages that `engine.api.Engine.chat` takes, in the forms that the model was trained on. No I/O.

A user's turn is one message, whatever items it came in: a picture and then a spoken question, say. What was given by
voice alone is followed by the paper's prompt, but beside one picture, where the chat template says so in its own way
(docs/model.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from pydantic_core import from_json

from engine.api import ANSWER_SPEECH, Image, Sound
from server.realtime.config import Config, NamedTool, Tool
from server.realtime.items import (
    FunctionCall,
    FunctionCallOutput,
    Heard,
    Item,
    Message,
    Part,
    Seen,
    Spoken,
    Watched,
    Words,
)

Json = dict[str, Any]

_PROMPT = {"type": "text", "text": ANSWER_SPEECH}


def messages(instructions: str, items: Iterable[Item]) -> list[Json]:
    """Attachments are `engine.api` attachments; a picture that is not decoded yet is a part that names it, as
    `server.media.parts.Attachments.decode` takes it. What says nothing is left out."""
    told = [{"role": "system", "content": instructions}] if instructions else []
    for author, group in groupby(items, _author):
        told += _AUTHORS[author](list(group))
    return told


def request_fields(config: Config) -> Json:
    """The fields of a chat request, but for model and messages, that a session or a response decides."""
    fields: Json = {} if config.max_output_tokens is None else {"max_completion_tokens": config.max_output_tokens}
    if not config.tools:
        return fields
    choice = config.tool_choice
    # Nobody can say `strict` here; but where a call has to come it has to fit what was declared, too.
    strict = {"strict": True} if choice == "required" or isinstance(choice, NamedTool) else {}
    return fields | {
        "tools": [{"type": "function", "function": _function(tool) | strict} for tool in config.tools],
        "tool_choice": {"type": "function", "function": {"name": choice.name}}
        if isinstance(choice, NamedTool)
        else choice,
        "parallel_tool_calls": config.parallel_tool_calls,
    }


def _author(item: Item) -> str:
    match item:
        case Message():
            return item.role
        case FunctionCall():
            return "assistant"
        case FunctionCallOutput():
            return "tool"


def _system(items: list[Any]) -> list[Json]:
    texts = ["".join(part.text for part in item.content if isinstance(part, Words)) for item in items]
    return [{"role": "system", "content": text} for text in texts if text]


def _user(items: list[Any]) -> list[Json]:
    content = [entry for item in items for entry in _entries(item)]
    rest = [entry for entry in content if entry is not _PROMPT]
    if len(rest) == 2 and any(map(_is_picture, rest)) and any(isinstance(entry, Sound) for entry in rest):
        content = rest
    return [{"role": "user", "content": content}] if content else []


def _is_picture(entry: object) -> bool:
    return isinstance(entry, Image) or (isinstance(entry, dict) and entry["type"] == "image_url")


def _entries(item: Message) -> list[Any]:
    entries = [entry for part in item.content for entry in _part(part)]
    by_voice = any(isinstance(entry, Sound) for entry in entries)
    written = any(isinstance(part, Words) and part.text for part in item.content)
    return [*entries, _PROMPT] if by_voice and not written else entries


def _part(part: Part) -> Iterator[Any]:
    match part:
        case Words(text):
            if text:
                yield {"type": "text", "text": text}
        case Heard():
            yield part.sound
        case Seen():
            yield {"type": "image_url", "image_url": {"url": part.url}} if part.image is None else part.image
        case Watched():
            yield part.video


def _assistant(items: list[Any]) -> list[Json]:
    """Each text is a message, to which the calls behind it belong."""
    told: list[Json] = []
    for item in items:
        if isinstance(item, Message):
            if text := _text(item):
                told.append({"role": "assistant", "content": text})
        elif _is_whole(item):
            if not told:
                told.append({"role": "assistant", "content": ""})
            told[-1].setdefault("tool_calls", []).append(_call(item))
    return told


def _text(item: Message) -> str:
    """Written parts are joined as they are, spoken ones by a space: what is heard of them are whole words."""
    texts = [part.text for part in item.content if isinstance(part, Words)]
    said = [part.transcript for part in item.content if isinstance(part, Spoken)]
    return " ".join(filter(None, ("".join(texts), *said)))


def _is_whole(call: FunctionCall) -> bool:
    """Not one that was cut off: the chat template reads its arguments."""
    try:
        return isinstance(from_json(call.arguments), dict)
    except ValueError:
        return False


def _call(call: FunctionCall) -> Json:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.call_id, "type": "function", "function": function}


def _tool(items: list[Any]) -> list[Json]:
    return [{"role": "tool", "tool_call_id": item.call_id, "content": item.output} for item in items]


_AUTHORS = {"system": _system, "user": _user, "assistant": _assistant, "tool": _tool}


def _function(tool: Tool) -> Json:
    fields = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {name: value for name, value in fields.items() if value is not None}
