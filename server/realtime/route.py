"""WebSocket /v1/realtime: OpenAI's Realtime API (https://platform.openai.com/docs/api-reference/realtime)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.websockets import WebSocket, WebSocketDisconnect

from server.access.keys.key import Key, digest_of
from server.access.keys.shown import chosen_protocol, shown_key
from server.access.limits.allowance import allowance_of
from server.access.secrets import PREFIX, Secrets
from server.errors import RequestError
from server.parts import Parts
from server.realtime.config import Config, Facts, Kind, begun
from server.realtime.connection import Connection
from server.realtime.conversation import Conversation
from server.realtime.durable.store import SessionStore
from server.realtime.hearing.vad import Vad
from server.realtime.outbox import Outbox
from server.realtime.playback import Clock, WallClock
from server.realtime.session import Session
from server.realtime.shapes import check_session
from server.realtime.shared import Shared
from server.realtime.updates import updated


def add_realtime(app: FastAPI, parts: Parts, secrets: Secrets, store: SessionStore) -> None:
    """Add the route. `secrets` are those that pages may begin sessions with; `store` keeps sessions whose connection
    is gone."""
    sessions = _Sessions(parts, WallClock(), store)

    @app.websocket("/v1/realtime")
    async def realtime(websocket: WebSocket) -> None:
        facts = await sessions.facts()
        config = _begun(websocket, facts, await _lent(websocket, secrets))
        await websocket.accept(chosen_protocol(websocket.scope))
        outbox = Outbox()
        try:
            await Connection(websocket, outbox, parts.stopping).run(sessions.open(websocket, outbox, facts, config))
        except* WebSocketDisconnect:
            pass


class _Sessions:
    """What the sessions of an app have in common."""

    def __init__(self, parts: Parts, clock: Clock, store: SessionStore) -> None:
        self._parts, self._clock, self._store = parts, clock, store

    @cached_property
    def _vad(self) -> Vad:
        """Loaded with the first session."""
        return Vad()

    async def facts(self) -> Facts:
        """What the server can do now. Raises RegistryError: its voices are not known."""
        engine, speaker = self._parts.engine, self._parts.speaker
        models = await engine.models()
        return Facts(
            models=tuple(model.name for model in models),
            voices=None if speaker is None else frozenset(await speaker.names()),
            hears="audio" in engine.modalities,
            sees="image" in engine.modalities,
            watches="video" in engine.modalities,
            max_tokens=models[0].max_tokens,
        )

    @asynccontextmanager
    async def open(
        self, websocket: WebSocket, outbox: Outbox, facts: Facts, config: Config
    ) -> AsyncGenerator[Session, None]:
        """A session that lives as long as the block. Leaving it, also by being cancelled, ends what it has begun."""
        async with anyio.create_task_group() as group:
            shared = Shared(
                parts=self._parts,
                facts=facts,
                emit=outbox.emit,
                room=outbox.room,
                clock=self._clock,
                allowance=allowance_of(websocket),
                group=group,
                config=config,
                conversation=Conversation(),
            )
            key: Key | None = getattr(websocket.state, "key", None)
            session = Session(shared, self._vad, outbox, self._store, "" if key is None else key.account)
            session.begin()
            try:
                yield session
            finally:
                await session.leave()
                group.cancel_scope.cancel()


async def _lent(websocket: WebSocket, secrets: Secrets) -> dict[str, Any]:
    """The session that a client secret was made for.

    Raises:
        SecretsError: it cannot be looked up now.
    """
    try:
        secret = shown_key(websocket.scope)
    except RequestError:  # a server without keys
        return {}
    kept = await secrets.find(digest_of(secret)) if secret.startswith(PREFIX) else None
    return {} if kept is None else {name: value for name, value in kept.session.items() if name not in ("object", "id")}


def _begun(websocket: WebSocket, facts: Facts, lent: dict[str, Any]) -> Config:
    """The session as it begins.

    Raises:
        RequestError: it cannot begin like this.
    """
    query = websocket.query_params
    if "call_id" in query:
        raise RequestError("This server takes no telephone calls.", param="call_id", code="unsupported_parameter")
    intent = query.get("intent")
    if intent not in (None, "transcription"):
        raise RequestError("intent: must be 'transcription' or left out.", param="intent", code="invalid_value")
    kind: Kind = "transcription" if intent or lent.get("type") == "transcription" else "realtime"
    config = begun(kind, query.get("model") or lent.get("model"), facts)
    if not lent:
        return config
    check_session(lent)
    return updated(config, {name: value for name, value in lent.items() if name != "model"}, facts)
