"""What a client asks of a session or of one response, put into force: all of it or nothing. No I/O.

A field that is left out stays; null switches off what can be off, and is the default of all else. Of an object the
fields that are there count alone, unless its `type` is another one. Shapes were checked before (`shapes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from server.errors import RequestError
from server.realtime.config import Config, Facts, Json, ResponseConfig
from server.realtime.reading import config_of, invalid
from server.realtime.shown import fields_of

_METADATA = 16, 64, 512
"""Pairs, and characters of a key and of a value; as at OpenAI."""


def updated(config: Config, given: Json, facts: Facts, *, has_spoken: bool = False, responding: bool = False) -> Config:
    """The session once `given`, a `session.update`'s session, is in force. `has_spoken`: sound of an answer was sent
    before; `responding`: an answer is being given.

    Raises:
        RequestError: something of it cannot be done, or not now.
    """
    if given["type"] != config.kind:
        message = f"session.type: this is a {config.kind} session and stays one."
        raise RequestError(message, param="session.type", code="cannot_update_type")
    changed = config_of(_merged(fields_of(config), given), facts, "session")
    if facts.served(changed.model, "session.model") != facts.served(config.model, "session.model"):
        raise _fixed("session.model", "the model of a session cannot be changed", "cannot_update_model")
    _check_voice(config, changed, "session", has_spoken=has_spoken)
    if responding and changed.speed != config.speed:
        raise _fixed("session.audio.output.speed", "the speed cannot be changed while a response is given", "not_now")
    return changed


def for_response(config: Config, given: Json, facts: Facts, *, has_spoken: bool = False) -> ResponseConfig:
    """What one response is to be: the session as it is, and what `given`, a `response.create`'s response, says
    otherwise. Null is what is left out. Changes nothing but that response.

    Raises:
        RequestError: something of it cannot be done.
    """
    if config.kind == "transcription":
        raise RequestError("A transcription session gives no responses.", code="invalid_event")
    asked = _without_nulls(given)
    conversation, items = asked.pop("conversation", "auto"), asked.pop("input", None)
    metadata = _metadata(asked.pop("metadata", None))
    if conversation not in ("auto", "none"):
        raise invalid("response.conversation", "must be 'auto' or 'none'")
    own = config_of(_merged(fields_of(config), asked), facts, "response")
    _check_voice(config, own, "response", has_spoken=has_spoken)
    return ResponseConfig(own, conversation == "auto", None if items is None else tuple(items), metadata)


def _merged(current: Json, given: Json) -> Json:
    merged = dict(current)
    if "languages" in given:  # another name of the same, under which nothing is kept
        merged.pop("language", None)
    for name, value in given.items():
        before = current.get(name)
        merged[name] = _merged(before, value) if _goes_on(before, value) else value
    return merged


def _goes_on(before: Any, value: Any) -> TypeGuard[Json]:
    """Whether `value` is about the same object and not another one in its place."""
    both = isinstance(before, dict) and isinstance(value, dict)
    return both and value.get("type", before.get("type")) == before.get("type")


def _without_nulls(given: Json) -> Json:
    """Also inside objects, but not inside lists: those are replaced whole."""
    said = {name: value for name, value in given.items() if value is not None}
    return {name: _without_nulls(value) if isinstance(value, dict) else value for name, value in said.items()}


def _metadata(given: Mapping[str, str] | None) -> Mapping[str, str] | None:
    pairs, key, value = _METADATA
    if given and (len(given) > pairs or any(len(name) > key or len(said) > value for name, said in given.items())):
        raise invalid("response.metadata", f"at most {pairs} pairs, keys of {key} and values of {value} characters")
    return given


def _check_voice(before: Config, after: Config, where: str, *, has_spoken: bool) -> None:
    if has_spoken and after.voice != before.voice:
        param = f"{where}.audio.output.voice"
        raise _fixed(param, "the voice cannot be changed once the session has spoken", "cannot_update_voice")


def _fixed(param: str, why: str, code: str) -> RequestError:
    return RequestError(f"{param}: {why}.", param=param, code=code)
