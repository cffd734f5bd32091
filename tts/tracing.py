"""Spans of one turn, over processes: what is told of them, and nobody who listens. Knows no exporter (`tts.otlp`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Protocol

import anyio
import anyio.to_thread

Fact = str | int | float


class Span(Protocol):
    """A stretch of work. Facts are ids, sizes and durations, never what was said."""

    def event(self, name: str) -> None:
        """This happens now."""
        ...

    def note(self, **facts: Fact) -> None:
        """Facts about all of it."""
        ...

    def rename(self, name: str) -> None:
        """It is known now what it is."""
        ...


class BegunSpan(Span, Protocol):
    """One that is not its task's, because the task does other things in between."""

    def current(self) -> AbstractContextManager[object]:
        """The block is part of it."""
        ...


class Tracer(Protocol):
    """No method waits."""

    def span(self, name: str, *, parent: str | None = None, **facts: Fact) -> AbstractContextManager[Span]:
        """The block as a span: within that of its task, or within the one whose W3C `traceparent` is given."""
        ...

    def begun(self, name: str) -> AbstractContextManager[BegunSpan]:
        """A span for the block, which may be that of a generator."""
        ...

    def traceparent(self) -> str | None:
        """The task's span for another process; None: there is none."""
        ...

    def close(self) -> None:
        """Send what was not sent yet; blocks for two seconds at most."""
        ...


class _Nothing:
    def event(self, name: str) -> None: ...
    def note(self, **facts: Fact) -> None: ...
    def rename(self, name: str) -> None: ...
    def current(self) -> AbstractContextManager[object]:
        return nullcontext()


class NoTracer:
    """Nobody wants to know."""

    def __init__(self) -> None:
        self._span = nullcontext(_Nothing())

    def span(self, name: str, *, parent: str | None = None, **facts: Fact) -> AbstractContextManager[Span]:
        return self._span

    def begun(self, name: str) -> AbstractContextManager[BegunSpan]:
        return self._span

    def traceparent(self) -> str | None:
        return None

    def close(self) -> None: ...


class TracingError(Exception):
    """Traces are wanted and cannot be sent."""


@asynccontextmanager
async def tracing(service: str, endpoint: str | None) -> AsyncGenerator[Tracer, None]:
    """Send traces to the OTLP collector at `endpoint` while the block runs; None: nobody wants any.

    Leaving it waits two seconds at most for the collector.

    Raises:
        TracingError: OpenTelemetry is not installed.
    """
    if not endpoint:
        yield NoTracer()
        return
    try:
        from tts.otlp import OtlpTracer
    except ImportError as error:
        message = f"traces need OpenTelemetry: pip install 'ola-serve[traces]' ({error})"
        raise TracingError(message) from error
    tracer = OtlpTracer(service, endpoint)
    try:
        yield tracer
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(tracer.close)
