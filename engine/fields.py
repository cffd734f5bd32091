"""What is wrong with a request's fields, by name: their form, and those that vLLM would take and silently ignore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from vllm.exceptions import VLLMValidationError

from engine.api import EngineError

UNSERVED = {
    "kv_transfer_params": "is for servers that split one answer between engines",
    "ec_transfer_params": "is for servers that split one answer between engines",
    "media_io_kwargs": "is for servers whose engine decodes attachments",
    "mm_payload": "is for vLLM's render routes",
    "return_mm_kwargs": "is for vLLM's render routes",
    "return_token_offsets": "is for vLLM's render routes",
}
"""Fields of vLLM's own that mean nothing here, and why."""


Body = TypeVar("Body", bound=BaseModel)


def read_body(model: type[Body], request: dict[str, Any]) -> Body:
    """`request` in vLLM's form.

    Raises:
        EngineError: a field has the wrong form, does not fit to others, or is unknown.
    """
    try:
        body = model.model_validate(request)
    except ValidationError as error:
        raise invalid(error) from error
    except VLLMValidationError as error:  # from vLLM's own checks, past pydantic
        raise EngineError(str(error), param=error.parameter) from error
    check_fields(body)
    return body


def check_fields(body: BaseModel) -> None:
    """Nothing is accepted and then ignored.

    Raises:
        EngineError: a field of `body`, or of an object inside it, is none that vLLM reads.
    """
    for name, why in UNSERVED.items():
        if name in body.model_fields_set and vars(body)[name] is not None:
            raise EngineError(f"{name} {why}.", param=name)
    if path := next(unknown(body), None):
        raise EngineError(f"Unknown field: {path}.", param=path)


def unknown(value: Any, path: str = "") -> Iterator[str]:
    """The paths of fields that no model inside `value` declares. Null asks for nothing."""
    if isinstance(value, BaseModel):
        yield from (f"{path}{name}" for name, given in (value.model_extra or {}).items() if given is not None)
        for name in value.model_fields_set & type(value).model_fields.keys():
            yield from unknown(vars(value)[name], f"{path}{name}.")  # not by getattr, which warns of what is deprecated
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from unknown(entry, f"{path.removesuffix('.')}[{place}].")


def invalid(error: ValidationError) -> EngineError:
    """The first thing that is wrong with a body, named by its path."""
    first = error.errors()[0]
    # Steps with capitals or brackets are pydantic's names for the members of a union, which no client wrote.
    path = ".".join(str(step) for step in first["loc"] if re.fullmatch("[a-z0-9_]+", str(step)))
    return EngineError(f"{path}: {first['msg']}" if path else first["msg"], param=path or None)
