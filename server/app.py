"""The gateway's HTTP surface: a handful of routes over the parts it is given, and nothing else open."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.exceptions import HTTPException

from engine.api import Engine
from server.access.access import Access
from server.access.client_secrets import add_client_secrets
from server.access.gate import add_cors, add_gate
from server.audio.speech import SpeechRequest, add_speech
from server.audio.speech_stream import add_speech_stream
from server.audio.transcriptions import add_transcriptions
from server.audio.voices import add_voices
from server.boundary import Boundary, answer_failure
from server.chat import complete_chat
from server.health import Readiness, check_health
from server.loop_tasks import LoopTasks
from server.media.fetch import FetchLimits, UrlFetcher
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from server.metrics import Metrics
from server.models import add_models
from server.observing.engine import TracedEngine
from server.observing.media import MediaFigures
from server.openapi import answers, describe_api, reads
from server.page import add_page
from server.parts import Parts
from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.store import SessionStore
from server.realtime.route import add_realtime
from server.responses import add_responses
from server.schemas import ChatBody, Completion, ResponsesBody
from server.settings import Settings
from server.stopping import Stopping
from server.store import Store
from tts.speaker import Speaker
from tts.tracing import NoTracer, Tracer


def create_app(
    settings: Settings,
    engine: Engine,
    speaker: Speaker | None,
    store: Store,
    access: Access | None = None,
    sessions: SessionStore | None = None,
    tracer: Tracer | None = None,
    stopping: Stopping | None = None,
) -> FastAPI:
    """The server as an ASGI app. `speaker` None: a server without a voice, which refuses to answer in audio. `access`
    None: everybody may use it. `sessions` keeps voice sessions whose connection is gone; None: in this process.
    `tracer` None: nobody wants traces. `stopping` says when the server ends; None: nobody says so.

    The app's lifespan starts the speaker, and closes it and what fetches and decodes attachments. The engine stays the
    caller's to close.
    """
    access = access or Access()
    limits = MediaLimits(max_parts=settings.max_attachments, max_bytes=settings.max_attachment_bytes)
    fetch, metrics = _fetcher(settings), Metrics()
    figures = MediaFigures(metrics)
    attachments = Attachments(limits, fetch, engine.fits, modalities=engine.modalities, figures=figures)
    metrics.ask(metrics.held_media, lambda: attachments.held_bytes)
    metrics.registry.register(LoopTasks())
    tracer, sessions = tracer or NoTracer(), sessions or MemorySessions()
    if isinstance(sessions, MemorySessions):
        metrics.ask(metrics.sessions_waiting, sessions.waiting)
    if not isinstance(tracer, NoTracer):
        engine = TracedEngine(engine, tracer)
    stopping = stopping or Stopping()
    parts = Parts(settings, engine, speaker, store, metrics, attachments, tracer, stopping)

    app = FastAPI(
        title="ola-serve",
        lifespan=lambda _: _running(access, fetch, attachments, speaker),
        redirect_slashes=False,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.parts = parts
    add_gate(app, settings, access)
    app.add_middleware(Boundary, metrics=parts.metrics, stopping=stopping, tracer=tracer)
    add_cors(app, settings)
    app.add_exception_handler(HTTPException, answer_failure)
    _add_chat(app, parts)
    add_responses(app, parts)
    add_models(app, parts)
    add_voices(app, parts)
    add_speech(app, parts)
    add_speech_stream(app, parts)
    add_transcriptions(app, parts)
    add_client_secrets(app, parts, access.secrets)
    add_realtime(app, parts, access.secrets, sessions)
    _add_operations(app, parts)
    add_page(app)
    describe_api(app, ChatBody, ResponsesBody, SpeechRequest)
    return app


def _fetcher(settings: Settings) -> UrlFetcher | None:
    if not settings.fetch_urls:
        return None
    hosts = settings.fetch_urls if isinstance(settings.fetch_urls, tuple) else ()
    return UrlFetcher(FetchLimits(settings.max_attachment_bytes, hosts=frozenset(hosts)))


@asynccontextmanager
async def _running(
    access: Access, fetch: UrlFetcher | None, attachments: Attachments, speaker: Speaker | None
) -> AsyncGenerator[None, None]:
    async with AsyncExitStack() as closing:
        await closing.enter_async_context(access.ledger.renewing())
        if fetch is not None:
            closing.push_async_callback(fetch.close)
        await closing.enter_async_context(attachments)
        if speaker is not None:
            closing.push_async_callback(speaker.close)
            await speaker.start()
        yield


def _add_chat(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/chat/completions", response_model=None, openapi_extra=reads(ChatBody), responses=answers(Completion))
    async def chat_completions(request: Request) -> Response:
        """Answer a conversation: whole or as server-sent events, in text or in text and speech."""
        return await complete_chat(request, parts)


def _add_operations(app: FastAPI, parts: Parts) -> None:
    readiness = Readiness(parts)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process is up and the engine alive."""
        return await check_health(parts)

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        """An answer could be given, and spoken, now."""
        return await readiness.check()

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """The gateway's and the engine's figures for Prometheus."""
        return Response(parts.metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
