"""The models that requests may name, and what each takes and gives: GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from engine.api import ServedModel
from server.model_names import no_such_model
from server.parts import Parts

_ENDPOINTS = (
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/v1/realtime",
)
"""Routes that a model answers on, where the app has them."""
_INPUTS = ("image", "video", "audio")


def add_models(app: FastAPI, parts: Parts) -> None:
    """Both routes. What they say follows from the parts and from the app's other routes."""

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The models that `model` may name."""
        return {"object": "list", "data": [described(model) for model in await parts.engine.models()]}

    @app.get("/v1/models/{model_id:path}")
    async def model(model_id: str) -> dict[str, Any]:
        """One of the models."""
        for served in await parts.engine.models():
            if served.name == model_id:
                return described(served)
        raise no_such_model(model_id)

    def described(model: ServedModel) -> dict[str, Any]:
        routes = {getattr(route, "path", None) for route in app.routes}
        return {
            "id": model.name,
            "object": "model",
            "created": model.created,
            "owned_by": "ola-serve",
            "max_model_len": model.max_tokens,
            "input_modalities": ["text", *(name for name in _INPUTS if name in parts.engine.modalities)],
            "output_modalities": ["text"] if parts.speaker is None else ["text", "audio"],
            "endpoints": [path for path in _ENDPOINTS if path in routes],
        }
