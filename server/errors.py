"""Everything that can go wrong, in OpenAI's error format: one translation for HTTP answers and for stream events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from math import ceil
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException

from engine.api import EngineError
from server.access.keys.key import KeysError
from server.access.limits.ledger import LedgerError
from server.access.secrets import SecretsError
from server.media.errors import MediaError
from server.realtime.durable.store import SessionStoreError, UnknownSessionError
from server.store import StoreError
from tts.imitations import CannotImitateError
from tts.lending import LendingError
from tts.pool import BusyError
from tts.registry import RegistryError
from tts.speaker import FixedVoiceError, TakenNameError
from tts.voice import UnknownVoiceError, VoiceError

_LENT = {"recording": "audio_sample", "lang": "language"}
"""Where the field of a lent voice has another name in a request."""
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class RequestError(Exception):
    """The request cannot be served as it stands. `param` names the field at fault, dotted."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.param, self.code = message, status, param, code
        self.headers: Mapping[str, str] = headers or {}


class FieldError(Exception):
    """Another exception, of which a route knows better which of its fields is at fault (None: none of them)."""

    def __init__(self, error: Exception, param: str | None) -> None:
        super().__init__(str(error))
        self.error, self.param = error, param


@dataclass(frozen=True, slots=True)
class Failure:
    """One error as clients see it (OpenAI API reference, "Error codes")."""

    status: int
    message: str
    type: str
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def describe(error: BaseException) -> Failure:
    """Translate any exception. One that nobody foresaw becomes a 500 that says nothing about itself."""
    error = _cause(error)
    match error:
        case RequestError():
            return _failure(error.status, error.message, error.param, error.code, error.headers)
        case FieldError():
            return replace(describe(error.error), param=error.param)
        case MediaError():
            return _failure(error.status, error.message, error.param, error.code)
        case UnknownVoiceError():
            return _failure(400, str(error), "audio.voice", "unknown_voice")
        case CannotImitateError():
            return _failure(400, str(error), code="voice_cannot_imitate")
        case LendingError():
            return _failure(400, str(error), _LENT.get(error.field, error.field), "invalid_voice")
        case TakenNameError():
            return _failure(409, str(error), "name", "voice_exists")
        case FixedVoiceError():
            return _failure(400, str(error), "name", "voice_is_built_in")
        case RegistryError():
            return _failure(503, "The recorded voices cannot be reached now.", code="voices_unavailable")
        case KeysError():
            return _failure(503, "The keys cannot be looked up now.", code="keys_unavailable")
        case SecretsError():
            return _failure(503, "The client secrets cannot be looked up now.", code="secrets_unavailable")
        case LedgerError():
            return _failure(503, "The limits cannot be looked up now.", code="limits_unavailable")
        case StoreError():
            return _failure(503, "The earlier spoken answers cannot be reached now.", code="answers_unavailable")
        case UnknownSessionError():
            return _failure(404, "There is no such session, or it was not kept any longer.", code="session_not_found")
        case SessionStoreError():
            return _failure(503, "Earlier sessions cannot be looked up now.", code="sessions_unavailable")
        case BusyError():
            message = f"The voice is busy. Try again in {ceil(error.retry_after)} s."
            retry = {"Retry-After": str(ceil(error.retry_after))}
            return Failure(429, message, _TYPES[429], "modalities", "voice_busy", retry)
        case VoiceError():
            return _failure(500, "The voice failed.", code="voice_failed")
        case ValidationError():
            return _invalid(error)
        case EngineError():
            return _engine(error)
        case HTTPException():
            return _http(error)
    return _failure(500, "Internal server error.")


def _cause(error: BaseException) -> BaseException:
    """The exception inside the groups that task groups wrap around it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _failure(
    status: int,
    message: str,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Failure:
    kind = "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error")
    return Failure(status, message, kind, param, code, headers or {})


def _invalid(error: ValidationError) -> Failure:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = _path(first["loc"]) or None
    message = first["msg"].removeprefix("Value error, ")
    return _failure(400, f"{param}: {message}" if param else message, param)


def _path(location: tuple[int | str, ...]) -> str:
    """Such as `messages[0].content`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")


def _engine(error: EngineError) -> Failure:
    if error.status == 500:
        return _failure(500, "Internal server error.")
    code = "model_not_found" if error.status == 404 else None
    return Failure(error.status, error.message, error.type, error.param, code)


def _http(error: HTTPException) -> Failure:
    phrase = HTTPStatus(error.status_code).phrase
    message = f"{phrase}: this server has no such route." if error.status_code == 404 else f"{phrase}."
    failure = _failure(error.status_code, message)
    return Failure(failure.status, failure.message, failure.type, headers=error.headers or {})
