"""Makes /openapi.json true: what FastAPI cannot read off a route whose body is read and answered by hand."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from server.schemas import ErrorBody

_COMPONENTS = "#/components/schemas/"
_ERRORS = {
    400: "The request cannot be served as it is; `param` names what is wrong.",
    401: "There is no key, or it is not valid.",
    403: "This key, or this page, may not do that.",
    404: "What the request names is not there.",
    408: "The body came too slowly.",
    409: "The name is taken.",
    413: "The body or an attachment is over its limit.",
    415: "The body is not declared as what this route reads.",
    429: "Too much at a time. Try again later.",
    500: "A fault of the server.",
    503: "The server, or something that it needs, does not answer now.",
}
_ALWAYS, _WITH_BODY, _WITH_NAME = (401, 403, 429, 500, 503), (400, 404, 408, 409, 413, 415), (400, 404)


def reads(body: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a route that reads `body` as JSON."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _COMPONENTS + body.__name__}}},
        }
    }


def answers(answer: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers whole, as `answer`, or as server-sent events."""
    return {
        200: {
            "description": "The answer: whole, or with `stream` as server-sent events.",
            "model": answer,
            "content": {"text/event-stream": {}},
        }
    }


def describe_api(app: FastAPI, *bodies: type[BaseModel]) -> None:
    """Complete the description of `app`, whose routes read `bodies`, when it is asked for."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            _add_models(schema, *bodies, ErrorBody)
            for path, operations in schema["paths"].items():
                for operation in operations.values():
                    _add_errors(operation, named="{" in path)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _add_models(schema: dict[str, Any], *models: type[BaseModel]) -> None:
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for model in models:
        described = model.model_json_schema(ref_template=_COMPONENTS + "{model}")
        components.update(described.pop("$defs", {}))
        components[model.__name__] = described
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's, which this server never sends
        components.pop(unused, None)


def _add_errors(operation: dict[str, Any], *, named: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    statuses = {*_ALWAYS, *(_WITH_BODY if "requestBody" in operation else ()), *(_WITH_NAME if named else ())}
    for status in sorted(statuses):
        content = {"application/json": {"schema": {"$ref": f"{_COMPONENTS}ErrorBody"}}}
        responses.setdefault(str(status), {"description": _ERRORS[status], "content": content})
