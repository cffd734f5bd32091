"""Items that clients give, made ours: which parts who may say, and what this server takes of them. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

from server.errors import RequestError
from server.realtime.config import Facts
from server.realtime.events import sound_of
from server.realtime.ids import LONGEST, new_id
from server.realtime.items import FunctionCall, FunctionCallOutput, Heard, Item, Message, Part, Seen, Words
from server.realtime.turn_sound import Samples

Json = dict[str, Any]
Decode = Callable[[bytes], Samples]
"""Bytes in a session's input format to samples at SAMPLE_RATE."""

_TAKEN = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "text"),
}
_FIELDS = {
    "input_text": ("text",),
    "output_text": ("text",),
    "text": ("text",),
    "input_audio": ("audio", "transcript"),
    "input_image": ("image_url", "detail"),
}
"""By type of part; the first one must be there."""


def item_of(given: Json, facts: Facts, decode: Decode, where: str = "item") -> Item:
    """An item whose shape was checked (`shapes`). Pictures are not decoded yet.

    Raises:
        RequestError: it is of a kind that is not served, or something in it is.
    """
    item_id = _id(given, where)
    match given["type"]:
        case "message":
            return Message(item_id, given["role"], _content(given, facts, decode, where))
        case "function_call":
            _check_arguments(given["arguments"], f"{where}.arguments")
            return FunctionCall(item_id, given.get("call_id") or new_id("call"), given["name"], given["arguments"])
        case "function_call_output":
            return FunctionCallOutput(item_id, given["call_id"], given["output"])
    raise _refused(f"{where}.type", "this server speaks no MCP", "unsupported_item")


def _id(given: Json, where: str) -> str:
    item_id: str | None = given.get("id")
    if item_id is None:
        return new_id("item")
    if not 0 < len(item_id) <= LONGEST or item_id == "root":
        raise _refused(f"{where}.id", f"must have 1 to {LONGEST} characters and not be 'root'", "invalid_value")
    return item_id


def _content(given: Json, facts: Facts, decode: Decode, where: str) -> tuple[Part, ...]:
    parts = [(part, f"{where}.content[{place}]") for place, part in enumerate(given["content"])]
    return tuple(_part(part, given["role"], facts, decode, param) for part, param in parts)


def _part(given: Json, role: str, facts: Facts, decode: Decode, where: str) -> Part:
    kind = given.get("type")
    if kind == "output_audio":
        raise _refused(where, "what was said aloud cannot be given; send its words as output_text", "invalid_value")
    if kind not in _TAKEN[role]:
        taken = ", ".join(_TAKEN[role])
        raise _refused(f"{where}.type", f"a part of a message of the {role} is one of {taken}", "invalid_value")
    for name, value in given.items():
        if value is not None and name not in ("type", *_FIELDS[kind]):
            raise _refused(f"{where}.{name}", f"is no field of {kind}", "unknown_parameter")
    field = _FIELDS[kind][0]
    if (value := given.get(field)) is None:
        raise _refused(f"{where}.{field}", "Field required", "missing_required_parameter")
    match kind:
        case "input_audio":
            return _heard(given, facts, decode, f"{where}.audio")
        case "input_image":
            if not facts.sees:
                raise _refused(where, "this model takes no pictures", "unsupported_modality")
            return Seen(value, detail=given.get("detail") or "auto")
    return Words(value)


def _heard(given: Json, facts: Facts, decode: Decode, where: str) -> Heard:
    if not facts.hears:
        raise _refused(where, "this model does not hear: it takes no sound", "unsupported_modality")
    samples = decode(sound_of(given["audio"], where))
    if not len(samples):
        raise _refused(where, "the sound is empty", "invalid_audio")
    return Heard(samples, given.get("transcript"))


def _check_arguments(arguments: str, where: str) -> None:
    try:
        fits = isinstance(from_json(arguments), dict)
    except ValueError:
        fits = False
    if not fits:
        raise _refused(where, "must be a JSON object, as text", "invalid_value")


def _refused(param: str, why: str, code: str) -> RequestError:
    return RequestError(f"{param}: {why}.", param=param, code=code)
