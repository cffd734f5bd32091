"""Our audio routes on a stock vLLM server: a plugin of `vllm.endpoint_plugins`, opened by `VLLM_PLUGINS=ola`.

Transcriptions are not among them: vLLM serves these itself where the model class supports them.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from engine.api import Engine
from server.audio.speech import add_speech
from server.audio.speech_stream import add_speech_stream
from server.audio.voices import add_voices
from server.boundary import Boundary, answer_failure
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from server.metrics import Metrics
from server.parts import Parts
from server.settings import Settings
from server.store import MAX_ANSWERS, MemoryStore
from server.voicing import speaking


class AudioRoutes:
    """Implements vLLM's `EndpointPlugin`. The voice is that of the OLA_... settings and lives as long as the server."""

    name = "ola"
    required_tasks = ("generate",)

    def __init__(self) -> None:
        self._route = _Attached()
        self._engine: Engine | None = None

    def attach_router(self, app: FastAPI) -> None:
        """Add the routes; they answer from when the server has started."""
        app.router.routes.append(self._route)
        serve = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncGenerator[Any, None]:
            assert self._engine is not None
            settings = Settings()
            async with speaking(settings) as speaker:
                store = MemoryStore(settings.audio_ttl_seconds, MAX_ANSWERS)
                self._route.app = audio_app(
                    Parts(settings, self._engine, speaker, store, Metrics(), Attachments(MediaLimits()))
                )
                async with serve(app) as state:
                    yield state

        app.router.lifespan_context = lifespan

    async def init_state(self, engine_client: Any, state: State, args: Namespace) -> None:
        """Take what knows the served models."""
        from engine.client import VllmEngine

        self._engine = VllmEngine(engine_client, state)


def audio_app(parts: Parts) -> FastAPI:
    """The routes that need a voice and no more, with our form of errors."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.add_middleware(Boundary, metrics=parts.metrics, stopping=parts.stopping)
    app.add_exception_handler(HTTPException, answer_failure)
    add_voices(app, parts)
    add_speech(app, parts)
    add_speech_stream(app, parts)
    return app


class _Attached(BaseRoute):
    """The routes of another app, which keeps its own middleware and form of errors."""

    path = "/v1/audio"
    """For what lists an app's routes."""

    def __init__(self) -> None:
        self.app: FastAPI | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        routes = self.app.routes if self.app is not None else []
        found = (route.matches(scope)[0] for route in routes)
        return max(found, key=lambda match: match.value, default=Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)
