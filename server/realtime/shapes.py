"""Whether what a client sends has the shape that the official SDK gives it: strictly, the field at fault by its name.

Knows the extensions of ours that those shapes lack (docs/realtime.md), and no rule beyond shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from openai.types.realtime import (
    ConversationItem,
    RealtimeResponseCreateParams,
    RealtimeSessionCreateRequest,
    RealtimeTranscriptionSessionCreateRequest,
)
from openai.types.realtime.response_item_reference import ResponseItemReference
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from engine.api import SAMPLE_RATE
from server.errors import RequestError
from tts.voice import WIRE_RATE

_CODES = {"missing": "missing_required_parameter", "literal_error": "invalid_value"}
"""OpenAI's codes by pydantic's; all others are `invalid_type`."""
_MESSAGES = {"model_type": "Input should be an object", "dict_type": "Input should be an object"}

_ITEM: TypeAdapter[ConversationItem] = TypeAdapter(ConversationItem)


class Extensions(BaseModel):
    """The key `ola` of a session."""

    model_config = ConfigDict(extra="forbid")

    pacing: Literal["realtime", "none"] | None = None
    resume_interrupted: bool | None = None
    tool_filler: str | None = None


def check(shape: type[BaseModel] | TypeAdapter[Any], value: object, where: str = "") -> None:
    """`where` is the path to `value`.

    Raises:
        RequestError: a field is unknown, at any depth, or missing, or of a wrong type or value.
    """
    try:
        if isinstance(shape, TypeAdapter):
            checked = shape.validate_python(value, strict=True)
        else:
            checked = shape.model_validate(value, strict=True)
    except ValidationError as error:
        raise _refusal(error, value, where) from error
    for unknown in unknown_fields(checked, where):
        raise _unknown(unknown)


def check_session(given: object, where: str = "session") -> None:
    """A session, or what is to change of one. Raises as `check`."""
    if not isinstance(given, dict) or "type" not in given:
        check(RealtimeSessionCreateRequest, given, where)
        return
    if given["type"] not in ("realtime", "transcription"):
        message = f"{where}.type: a session is 'realtime' or 'transcription'."
        raise RequestError(message, param=f"{where}.type", code="invalid_value")
    if given["type"] == "transcription":
        check(RealtimeTranscriptionSessionCreateRequest, _at_wire_rate(given), where)
        return
    theirs = {name: value for name, value in given.items() if name != "ola"}
    check(RealtimeSessionCreateRequest, _at_wire_rate(theirs), where)
    if given.get("ola") is not None:
        check(Extensions, given["ola"], f"{where}.ola")


def check_response(given: object, where: str = "response") -> None:
    """What a response is to be, with items and references to items as its input. Raises as `check`."""
    if not isinstance(given, dict) or not isinstance(given.get("input"), list):
        check(RealtimeResponseCreateParams, given, where)
        return
    check(RealtimeResponseCreateParams, {name: value for name, value in given.items() if name != "input"}, where)
    for place, item in enumerate(given["input"]):
        if isinstance(item, dict) and item.get("type") == "item_reference":
            check(ResponseItemReference, item, f"{where}.input[{place}]")
        else:
            check_item(item, f"{where}.input[{place}]")


def check_item(given: object, where: str = "item") -> None:
    """An item of a conversation. Raises as `check`."""
    check(_ITEM, _with_output_text(given), where)


def unknown_fields(checked: object, path: str) -> Iterator[str]:
    """Fields that the SDK's models let through, at any depth."""
    if isinstance(checked, BaseModel):
        yield from (_joined(path, name) for name in checked.model_extra or {})
        for name in type(checked).model_fields:
            yield from unknown_fields(getattr(checked, name), _joined(path, name))
    elif isinstance(checked, list):
        for index, item in enumerate(checked):
            yield from unknown_fields(item, f"{path}[{index}]")


def _at_wire_rate(given: dict[str, Any]) -> dict[str, Any]:
    """With the rate that the SDK knows in place of the other one that is taken here."""
    match given:
        case {"audio": {"input": {"format": {"rate": rate} as wanted} as heard} as audio} if rate == SAMPLE_RATE:
            return given | {"audio": audio | {"input": heard | {"format": wanted | {"rate": WIRE_RATE}}}}
    return given


def _with_output_text(given: object) -> object:
    """With an assistant's `text` under its newer name; programs still send what the API's beta called it."""
    match given:
        case dict() as item if item.get("role") == "assistant" and isinstance(item.get("content"), list):
            return item | {"content": [_renamed(part) for part in item["content"]]}
    return given


def _renamed(part: object) -> object:
    return part | {"type": "output_text"} if isinstance(part, dict) and part.get("type") == "text" else part


def _refusal(error: ValidationError, value: object, where: str) -> RequestError:
    errors = _telling(error.errors(include_url=False, include_input=False), value)
    told = errors[0]
    fields, kind = _fields(told["loc"], value), told["type"]
    param = where + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fields)
    param = param.removeprefix(".")
    if kind == "extra_forbidden":
        return _unknown(param)
    message = _MESSAGES.get(kind, told["msg"])
    if kind == "literal_error":  # of every member of a union
        same = [other for other in errors if other["type"] == kind and _fields(other["loc"], value) == fields]
        message = f"Input should be {' or '.join(dict.fromkeys(other['ctx']['expected'] for other in same))}"
    code = _CODES.get(kind, "invalid_type")
    return RequestError(f"{param}: {message}." if param else f"{message}.", param=param or None, code=code)


def _unknown(param: str) -> RequestError:
    return RequestError(f"{param} is not known.", param=param, code="unknown_parameter")


def _telling(errors: list[ErrorDetails], value: object) -> list[ErrorDetails]:
    """Of the errors of all members of a union, those of the member that was meant: its tags fit."""
    for tags in (("type", "role"), ("type",)):
        wrong = [error["loc"][:-1] for error in errors if _is_tag(error, tags, value)]
        if meant := [error for error in errors if not any(error["loc"][: len(path)] == path for path in wrong)]:
            return sorted(meant, key=lambda error: not _is_tag(error, ("role",), value))
    return sorted(errors, key=lambda error: not _is_tag(error, ("type",), value))


def _is_tag(error: ErrorDetails, tags: tuple[str, ...], value: object) -> bool:
    """Whether this says that another member of a union was meant."""
    *path, last = error["loc"] or ("",)
    in_union = bool(path) and _fields(error["loc"], value)[-2:-1] != path[-1:]
    return in_union and error["type"] == "literal_error" and last in tags


def _fields(location: tuple[int | str, ...], value: object) -> list[int | str]:
    """The steps that lead through `value`: pydantic's locations also name members of unions, which are no fields."""
    fields: list[int | str] = []
    for place, step in enumerate(location):
        if isinstance(value, list) and isinstance(step, int):
            value = value[step]
        elif isinstance(value, dict) and (step in value or place == len(location) - 1):
            value = value.get(step)
        else:
            continue
        fields.append(step)
    return fields


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
