"""The gateway's HTTP surface: a handful of routes over the parts it is given, and nothing else open."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException

from engine.api import Engine
from server.boundary import Boundary, answer_failure
from server.chat import complete_chat
from server.health import check_health, check_ready
from server.media.fetch import FetchLimits, UrlFetcher
from server.media.limits import MediaLimits
from server.media.parts import decoding_slots
from server.metrics import Metrics
from server.models import add_models
from server.openapi import answers, describe_api, reads
from server.parts import Parts
from server.responses import add_responses
from server.schemas import ChatBody, Completion, ResponsesBody
from server.settings import Settings
from server.store import Store
from server.voices import add_voice, delete_voice, list_voices
from tts.speaker import Speaker

_VOICE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "audio_sample", "transcript", "consent"],
    "properties": {key: {"type": "string"} for key in ("name", "audio_sample", "transcript", "consent", "language")},
}
_VOICE_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A form with the recording as a file, or JSON with the recording in base64; see docs/api.md.",
        "content": {
            "multipart/form-data": {"schema": _VOICE_SCHEMA},
            "application/json": {"schema": _VOICE_SCHEMA},
        },
    }
}


def create_app(settings: Settings, engine: Engine, speaker: Speaker | None, store: Store) -> FastAPI:
    """The server as an ASGI app. `speaker` None: a server without a voice, which refuses to answer in audio.

    The app's lifespan starts the speaker, and closes it and what fetches attachments. The engine stays the caller's to
    close.
    """
    limits = MediaLimits(max_parts=settings.max_attachments, max_bytes=settings.max_attachment_bytes)
    fetch = UrlFetcher(FetchLimits(settings.max_attachment_bytes)) if settings.fetch_urls else None
    parts = Parts(settings, engine, speaker, store, Metrics(), limits, decoding_slots(), fetch)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as closing:
            if fetch is not None:
                closing.push_async_callback(fetch.close)
            if speaker is not None:
                closing.push_async_callback(speaker.close)
                await speaker.start()
            yield

    app = FastAPI(
        title="ola-serve",
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.parts = parts
    app.add_middleware(Boundary, metrics=parts.metrics)
    app.add_exception_handler(HTTPException, answer_failure)
    _add_chat(app, parts)
    add_responses(app, parts)
    add_models(app, parts)
    _add_voices(app, parts)
    _add_operations(app, parts)
    describe_api(app, ChatBody, ResponsesBody)
    return app


def _add_chat(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/chat/completions", response_model=None, openapi_extra=reads(ChatBody), responses=answers(Completion))
    async def chat_completions(request: Request) -> Response:
        """Answer a conversation: whole or as server-sent events, in text or in text and speech."""
        return await complete_chat(request, parts)


def _add_voices(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/audio/voices")
    async def voices() -> dict[str, Any]:
        """The voices that an answer may have."""
        return await list_voices(parts)

    @app.post("/v1/audio/voices", openapi_extra=_VOICE_DOCS)
    async def new_voice(request: Request) -> dict[str, Any]:
        """Keep a recorded voice, with its owner's consent."""
        return await add_voice(request, parts)

    @app.delete("/v1/audio/voices/{name}")
    async def no_voice(name: str) -> dict[str, Any]:
        """Delete a recorded voice and its recording."""
        return await delete_voice(name, parts)


def _add_operations(app: FastAPI, parts: Parts) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process is up and the engine alive."""
        return await check_health(parts)

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        """An answer could be given, and spoken, now."""
        return await check_ready(parts)

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """The gateway's and the engine's figures for Prometheus."""
        return Response(parts.metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
