"""One turn is one trace: over the request, the engine, each sentence, and the worker in its own process."""

from __future__ import annotations

import subprocess
import sys
from threading import Event

import anyio
import httpx
import pytest

from engine.api import EngineError
from server.app import create_app
from server.settings import Settings
from server.store import MemoryStore
from server.voicing import speaking
from tests.observing.collector import Collector, collecting
from tests.redis_server import redis_server
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, quick_voice
from tests.serving import serving
from tests.workers.processes import worker
from tts.otlp import OtlpTracer
from tts.speaker import Speaker
from tts.tracing import NoTracer, tracing

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
TRACE, CLIENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{TRACE}-{CLIENT}-01", "x-request-id": "me-1"}
SECRET = "xylophone"
WORDS = [f"The first {SECRET} is here. ", "The second one is there."]


async def turn(collector: Collector) -> None:
    """A spoken answer by a worker behind Redis, with everything sent."""
    with redis_server(tcp=True) as redis:
        settings = Settings(voice="workers", redis_url=redis.url)
        async with (
            tracing("ola-serve", collector.endpoint) as tracer,
            worker(redis.url, "--otlp-endpoint", collector.endpoint, seconds_per_char=0.01),
            speaking(settings, tracer) as speaker,
        ):
            app = create_app(settings, ScriptedEngine(WORDS), speaker, MemoryStore(60, 10), tracer=tracer)
            async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
                asked = SPOKEN | {"stream": True, "messages": [{"role": "user", "content": SECRET}]}
                response = await http.post(CHAT, json=asked, headers=HEADERS)
                assert response.status_code == 200
                await http.get("/health")


@pytest.fixture(scope="module")
def traced() -> Collector:
    """The spans of one turn."""
    with collecting() as collector:
        anyio.run(turn, collector)
    return collector


async def test_one_trace_with_the_right_parents(traced: Collector) -> None:
    assert {span.trace for span in traced.spans} == {TRACE}
    request = traced.one(f"POST {CHAT}")
    assert request.parent == CLIENT
    assert request.facts["http.route"] == CHAT
    assert request.facts["http.response.status_code"] == 200
    assert request.facts["ola.request_id"] == "me-1"
    assert request.events == ("first byte",)
    engine = traced.one("engine")
    assert (engine.parent, engine.events) == (request.id, ("first token",))
    sentences = traced.named("sentence")
    assert len(sentences) >= 2
    assert {sentence.parent for sentence in sentences} == {request.id}
    assert {sentence.events for sentence in sentences} == {("first chunk",)}
    assert {sentence.facts["ola.end"] for sentence in sentences} == {"spoken"}
    workers = traced.named("worker")
    assert {span.service for span in workers} == {"ola-tts-worker"}
    assert sorted(span.parent for span in workers) == sorted(span.id for span in sentences)
    assert {span.events for span in workers} == {("first sound",)}
    assert len(traced.spans) == 2 + 2 * len(sentences)  # and nothing of /health


async def test_every_span_lies_within_its_parent(traced: Collector) -> None:
    known = {span.id: span for span in traced.spans}
    for span in traced.spans:
        if parent := known.get(span.parent):
            assert parent.begin <= span.begin
            if span.service == parent.service:  # a worker may be told a moment later that all was taken
                assert span.end <= parent.end


async def test_nothing_of_what_was_said_is_in_it(traced: Collector) -> None:
    assert traced.bodies
    assert not any(SECRET.encode() in body for body in traced.bodies)


async def test_a_failure_is_told_by_its_type_alone() -> None:
    with collecting() as collector:
        async with tracing("ola-serve", collector.endpoint) as tracer:
            engine = ScriptedEngine(refuse=EngineError(f"No {SECRET} here."))
            app = create_app(Settings(), engine, None, MemoryStore(60, 10), tracer=tracer)
            async with serving(app) as url, httpx.AsyncClient(base_url=url) as http:
                assert (await http.post(CHAT, json=ASK | {"stream": True})).status_code == 400
    assert collector.one("engine").failed
    request = collector.one(f"POST {CHAT}")
    assert (request.failed, request.parent, request.facts["http.response.status_code"]) == (False, "", 400)
    assert not any(SECRET.encode() in body for body in collector.bodies)


async def test_a_collector_that_does_not_answer_holds_nobody_up() -> None:
    hold = Event()
    with collecting(hold) as collector:
        async with tracing("ola-serve", collector.endpoint) as tracer:
            assert isinstance(tracer, OtlpTracer)
            for _ in range(5000):  # more than may wait to be sent
                with tracer.span("nothing"):
                    pass
            voice = quick_voice()
            speaker = Speaker([voice], {"alloy": voice.name})
            app = create_app(Settings(), ScriptedEngine(WORDS), speaker, MemoryStore(60, 10), tracer=tracer)
            async with serving(app) as url, httpx.AsyncClient(base_url=url) as http:
                response = await http.post(CHAT, json=SPOKEN | {"stream": True})
                assert "[DONE]" in response.text
            assert not collector.bodies
            hold.set()


async def test_without_a_collector_nothing_is_imported() -> None:
    async with tracing("ola-serve", None) as tracer:
        assert isinstance(tracer, NoTracer)
    # Redis' client imports some of OpenTelemetry by itself where that is installed, but none of this.
    program = "import sys, server.app, tts.workers.cli; print(*sys.modules)"
    done = await anyio.to_thread.run_sync(lambda: subprocess.check_output([sys.executable, "-c", program], text=True))
    assert not {"tts.otlp", "opentelemetry.exporter", "opentelemetry.sdk.trace.export"} & {*done.split()}


def test_where_to_send_is_told_by_the_standards_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().otlp_endpoint is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    assert Settings().otlp_endpoint is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://standard:4318")
    assert Settings().otlp_endpoint == "http://standard:4318"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
    with pytest.raises(ValueError, match="write http://HOST:4318"):
        Settings()
