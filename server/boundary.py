"""The outermost layer of the app: counts, times and logs every request, and turns every exception into an error in
OpenAI's format."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from server.errors import Failure, RequestError, describe
from server.metrics import Metrics
from server.observing.timing import Timing, route_of
from server.stopping import Stopping
from tts.tracing import NoTracer, Span, Tracer

logger = logging.getLogger(__name__)

ended = logging.getLogger("ola.ended")
"""One line for every request and session, in `extra`: ids, statuses and durations."""
_PROBES = frozenset({"/health", "/ready", "/metrics"})
"""Asked all the time by machines; nobody wants to read that."""

_CLIENT_LEFT = 499
"""The status that a request is counted under whose client disconnected before it had one (nginx's convention)."""
_ACCEPTED = 101
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
"""What may be taken over into our log and answers."""
_REASONS = frozenset(
    {
        "invalid_api_key",
        "client_secret_expired",
        "insufficient_permissions",
        "origin_not_allowed",
        "host_not_allowed",
        "rate_limit_exceeded",
        "server_busy",
        "voice_busy",
        "request_timeout",
        "keys_unavailable",
        "secrets_unavailable",
        "limits_unavailable",
    }
)
"""Codes that count as being turned away."""


class _Told:
    """What the client was told, as far as it was."""

    def __init__(self) -> None:
        self.status = _CLIENT_LEFT
        self.span: Span | None = None

    def began(self, status: int) -> None:
        """The answer's head is sent; of streams with the first bytes."""
        self.status = status
        if self.span is not None:
            self.span.event("first byte")


async def answer_failure(request: Request, error: Exception) -> Response:
    """Any exception as an HTTP answer; with its traceback in the log if it is our fault."""
    return _answer(_told(request.scope, error))


class Boundary:
    """ASGI middleware around everything else. What it cannot answer any more closes the connection.

    Leaves `request_id` in the request's state, `timing` (`server.observing.timing.Timing`), and `answer_headers`: a
    list to which layers inside may add headers of the answer, so that each of them need not look at every message.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, stopping: Stopping, tracer: Tracer | None = None) -> None:
        self._app, self._metrics, self._stopping, self._tracer = app, metrics, stopping, tracer or NoTracer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        headers = [(b"x-request-id", request_id)]
        timing = Timing()
        scope.setdefault("state", {}).update(request_id=request_id.decode(), answer_headers=headers, timing=timing)
        if scope["type"] == "http":
            # Whoever has a GET has a HEAD (RFC 9110, 9.1); the server leaves the body out.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            scope = {**scope, "method": method}
        if scope["path"] in _PROBES:
            await self._answered(scope, receive, send, headers, timing, _Told())
            return
        with self._observed(scope, timing) as told:
            if scope["type"] == "http":
                await self._answered(scope, receive, send, headers, timing, told)
            else:
                await self._connected(scope, receive, send, headers, told)

    @contextmanager
    def _observed(self, scope: Scope, timing: Timing) -> Generator[_Told, None, None]:
        """A span and a line of the log for the request or session in the block."""
        told, what = _Told(), scope.get("method", "WEBSOCKET")
        with self._tracer.span(what, parent=_traceparent(scope), request_id=scope["state"]["request_id"]) as span:
            told.span = span
            try:
                yield told
            finally:
                route = route_of(scope)
                span.rename(f"{what} {route}")
                span.note(route=route, status=told.status)
                facts = {"request_id": scope["state"]["request_id"], "method": what, "route": route}
                facts |= {"status": told.status, "seconds": round(timing.elapsed, 4)}
                facts["phases"] = {name: round(seconds, 4) for name, seconds in timing.phases.items()}
                line = "%(method)s %(route)s %(status)d in %(seconds).3f s (%(request_id)s)"
                ended.info(line, facts, extra={"facts": facts})

    async def _answered(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: list[tuple[bytes, bytes]],
        timing: Timing,
        told: _Told,
    ) -> None:

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.began(message["status"])
                if self._stopping.told:  # the next request should find another server
                    headers.append((b"connection", b"close"))
                timed = ((b"server-timing", timing.header),) if timing.phases else ()
                message = {**message, "headers": [*message.get("headers", ()), *headers, *timed]}
            await send(message)

        with self._metrics.open.track_inprogress():
            try:
                with self._stopping.bounded() as time:
                    await self._app(scope, receive, note_status)
                if time.cancelled_caught:
                    logger.warning(
                        "%s %r was cut off (%s)", scope["method"], scope["path"], scope["state"]["request_id"]
                    )
                    # One that has begun stays without its end: uvicorn closes the connection.
                    if told.status == _CLIENT_LEFT:
                        raise _stopped()
            except ClientDisconnect:
                pass
            except Exception as error:
                if told.status != _CLIENT_LEFT:
                    raise
                response = _answer(self._turned_away(_told(scope, error)))
                await response(scope, receive, note_status)
            finally:
                self._metrics.requests.labels(route_of(scope), told.status).inc()

    async def _connected(
        self, scope: Scope, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]], told: _Told
    ) -> None:
        """A WebSocket: refused with an HTTP answer, or closed with a code (RFC 6455, 7.4.1) if it was accepted."""
        accepted = False

        async def note_accept(message: Message) -> None:
            nonlocal accepted
            if message["type"] in ("websocket.accept", "websocket.http.response.start"):
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            if message["type"] == "websocket.accept" and not accepted:
                accepted = True
                told.began(_ACCEPTED)
                self._metrics.sessions.labels(route_of(scope)).inc()
                self._metrics.sessions_open.labels(route_of(scope)).inc()
            await send(message)

        try:
            await self._app(scope, receive, note_accept)
        except WebSocketDisconnect:
            pass
        except Exception as error:
            failure = self._turned_away(_told(scope, error))
            if accepted:
                with suppress(RuntimeError):  # closed already
                    reason = failure.code or failure.type
                    await send({"type": "websocket.close", "code": _close_code(failure), "reason": reason})
            else:
                told.began(failure.status)
                await WebSocket(scope, receive, note_accept).send_denial_response(_answer(failure))
        finally:
            if accepted:
                self._metrics.sessions_open.labels(route_of(scope)).dec()

    def _turned_away(self, failure: Failure) -> Failure:
        if failure.code in _REASONS:
            self._metrics.rejected.labels(failure.code).inc()
        return failure


def _told(scope: Scope, error: Exception) -> Failure:
    failure = describe(error)
    if failure.status >= 500 and not isinstance(error, RequestError):
        what = scope.get("method", "WebSocket")
        logger.error("%s %r failed (%s)", what, scope["path"], scope["state"]["request_id"], exc_info=error)
    return failure


def _answer(failure: Failure) -> Response:
    return JSONResponse(failure.body, failure.status, failure.headers)


def _stopped() -> RequestError:
    message = "The server stops before this is answered. Ask again: another one will."
    return RequestError(message, status=503, code="server_stopping", headers={"retry-after": "1"})


def _close_code(failure: Failure) -> int:
    """Our fault, or against the rules."""
    return 1011 if failure.status >= 500 else 1008


def _request_id(scope: Scope) -> bytes:
    """The client's, if it may stand in our log."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{uuid4().hex}".encode()


def _traceparent(scope: Scope) -> str | None:
    """The client's span (W3C Trace Context), if it sent one."""
    given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    return given.decode() if _TRACEPARENT.fullmatch(given) else None
