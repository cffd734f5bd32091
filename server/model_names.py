"""Which names of models an audio route takes: the served ones, and those that programs for OpenAI have written down."""

from __future__ import annotations

import re
from typing import Any, Protocol

from server.errors import RequestError


class Models(Protocol):
    """Whoever knows the served models; an `engine.api.Engine` does."""

    async def models(self) -> dict[str, Any]:
        """The `list` object of GET /v1/models."""
        ...


async def check_model(name: str | None, known: re.Pattern[str], engine: Models) -> None:
    """Return if `name` is left out, served, or one of OpenAI's that `known` matches.

    Raises:
        RequestError: it is none of these (404).
    """
    if name is None or known.fullmatch(name):
        return
    if name not in [model["id"] for model in (await engine.models())["data"]]:
        raise RequestError(f"The model {name!r} does not exist.", status=404, param="model", code="model_not_found")
