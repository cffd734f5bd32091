"""Traces sent by OTLP over HTTP. The one module that knows OpenTelemetry; imported only where traces are wanted."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tts.tracing import BegunSpan, Fact, Span

_EXPORT_SECONDS = 2
"""For one batch; also how long the end of a process may wait for the last one."""
_HEADER = "traceparent"
_NAMES = {"route": "http.route", "status": "http.response.status_code"}
"""Facts that OpenTelemetry has names for; all others are ours."""


class OtlpTracer:
    """Implements `tts.tracing.Tracer`. A thread of its own sends; what it cannot send in time is dropped."""

    def __init__(self, service: str, endpoint: str) -> None:
        """`endpoint`: of a collector, as in OTEL_EXPORTER_OTLP_ENDPOINT, without `/v1/traces`."""
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("ola")
        self._form = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, *, parent: str | None = None, **facts: Fact) -> Generator[Span, None, None]:
        context = None if parent is None else self._form.extract({_HEADER: parent})
        span = self._tracer.start_span(name, context, attributes=_named(facts))
        # Exceptions are not recorded: their messages may hold what somebody has said.
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield _Span(span)
            except Exception as error:
                span.set_status(trace.StatusCode.ERROR, type(error).__name__)
                raise

    @contextmanager
    def begun(self, name: str) -> Generator[BegunSpan, None, None]:
        span = self._tracer.start_span(name)
        try:
            yield _Span(span)
        except Exception as error:
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            span.end()

    def traceparent(self) -> str | None:
        carrier = dict[str, str]()
        self._form.inject(carrier)
        return carrier.get(_HEADER)

    def close(self) -> None:
        self._provider.shutdown()


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def event(self, name: str) -> None:
        self._span.add_event(name)

    def note(self, **facts: Fact) -> None:
        self._span.set_attributes(_named(facts))

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def current(self) -> AbstractContextManager[object]:
        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)


def _named(facts: dict[str, Fact]) -> dict[str, Fact]:
    return {_NAMES.get(name, f"ola.{name}"): fact for name, fact in facts.items()}
