"""Which names of models a route takes: the served ones, and those that programs for OpenAI have written down."""

from __future__ import annotations

import re

from engine.api import Engine
from server.errors import RequestError


async def check_model(
    name: str | None, engine: Engine, known: re.Pattern[str] | None = None, *, param: str = "model"
) -> str:
    """`name`; the served model's if it is left out.

    Raises:
        RequestError: it is neither served nor one of OpenAI's that `known` matches (404).
    """
    served = [model.name for model in await engine.models()]
    if name is None:
        return served[0]
    if name not in served and not (known and known.fullmatch(name)):
        raise no_such_model(name, param)
    return name


def no_such_model(name: str, param: str = "model") -> RequestError:
    """What a request is told whose field `param` names a model that is not served."""
    return RequestError(f"The model {name!r} does not exist.", status=404, param=param, code="model_not_found")
