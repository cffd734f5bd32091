"""POST /v1/realtime/client_secrets: a secret that a page may hold, for a while and for sessions only.

It shares the limits of the key that asked for it, and ends with it. The session is what sessions begun with it will be;
the fields and their meaning are OpenAI's (`openai.types.realtime`).
"""

from __future__ import annotations

import time
from typing import Any, Literal
from uuid import uuid4

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from starlette.requests import Request

from server.access.keys.key import Key, digest_of
from server.access.secrets import ClientSecret, Secrets, new_client_secret
from server.body import read_object
from server.model_names import check_model
from server.parts import Parts
from server.realtime.config import REALTIME_MODELS
from server.realtime.shapes import check_session

_MAX_BODY = 2**16
"""Bytes. Sessions are kept, thousands of them."""
_DOCS: dict[str, Any] = {
    "requestBody": {
        "description": "When the secret expires, and the session that it is for; all of it may be left out.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class _ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"] = "created_at"
    seconds: StrictInt = Field(default=600, ge=10, le=7200)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_after: _ExpiresAfter = _ExpiresAfter()
    session: dict[str, Any] = Field(default_factory=lambda: {"type": "realtime"})


def add_client_secrets(app: FastAPI, parts: Parts, secrets: Secrets) -> None:
    """The route."""

    @app.post("/v1/realtime/client_secrets", openapi_extra=_DOCS)
    async def client_secrets(request: Request) -> dict[str, Any]:
        """A short-lived secret for a session from a browser."""
        asked = _Asked.model_validate(await read_object(request, _MAX_BODY))
        session = await _session(asked.session, parts)
        return await _minted(asked.expires_after.seconds, session, request.state.key, secrets)


async def _minted(seconds: int, session: dict[str, Any], key: Key | None, secrets: Secrets) -> dict[str, Any]:
    expires_at = int(time.time()) + seconds
    secret = new_client_secret(expires_at)
    kept = ClientSecret(parent=None if key is None else key.digest, expires_at=expires_at, session=session)
    await secrets.keep(digest_of(secret.encode()), kept)
    return {"value": secret, "expires_at": expires_at, "session": session}


async def _session(given: dict[str, Any], parts: Parts) -> dict[str, Any]:
    """The session as it will be, with what can be said of it already.

    Raises:
        RequestError: a field is wrong or unknown, or there is no such model.
    """
    check_session(given)
    session = dict(given)
    if given["type"] == "realtime":
        session["model"] = await check_model(given.get("model"), parts.engine, REALTIME_MODELS, param="session.model")
    kind = "realtime.session" if given["type"] == "realtime" else "realtime.transcription_session"
    return {"object": kind, "id": f"sess_{uuid4().hex}"} | session
