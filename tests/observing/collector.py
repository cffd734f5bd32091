"""A collector of traces: OTLP over HTTP, decoded, in the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Seen:
    """A span as it was sent. Ids are hexadecimal, `parent` empty if there is none."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    begin: int
    end: int
    facts: dict[str, Any]
    events: tuple[str, ...]
    failed: bool


@dataclass(slots=True)
class Collector:
    """What was sent so far."""

    endpoint: str
    spans: list[Seen] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Seen:
        (span,) = self.named(name)
        return span


@contextmanager
def collecting(hold: Event | None = None) -> Iterator[Collector]:
    """A collector while the block runs. It answers nobody until `hold` is set."""

    class _Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if hold is not None:
                hold.wait(30)
            collector.bodies.append(body)
            if self.path == "/v1/traces":
                collector.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            if hold is not None:
                hold.set()
            server.shutdown()
            thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    for resource in request.resource_spans:
        service = next(fact.value.string_value for fact in resource.resource.attributes if fact.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    {fact.key: _value(fact.value) for fact in span.attributes},
                    tuple(event.name for event in span.events),
                    span.status.code == 2,
                )


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))
