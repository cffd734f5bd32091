"""The outermost layer of the app: counts every request and turns every exception into an error in OpenAI's format."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from server.errors import Failure, RequestError, describe
from server.metrics import Metrics
from server.stopping import Stopping

logger = logging.getLogger(__name__)

_CLIENT_LEFT = 499
"""The status that a request is counted under whose client disconnected before it had one (nginx's convention)."""
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


async def answer_failure(request: Request, error: Exception) -> Response:
    """Any exception as an HTTP answer; with its traceback in the log if it is our fault."""
    return _answer(_told(request.scope, error))


class Boundary:
    """ASGI middleware around everything else. What it cannot answer any more closes the connection.

    Leaves `request_id` in the request's state, and `answer_headers`: a list to which layers inside may add headers of
    the answer, so that each of them need not look at every message.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, stopping: Stopping) -> None:
        self._app, self._metrics, self._stopping = app, metrics, stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        headers = [(b"x-request-id", request_id)]
        scope.setdefault("state", {}).update(request_id=request_id.decode(), answer_headers=headers)
        if scope["type"] == "http":
            # Whoever has a GET has a HEAD (RFC 9110, 9.1); the server leaves the body out.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self._answered({**scope, "method": method}, receive, send, headers)
        else:
            await self._connected(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        status = _CLIENT_LEFT

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._stopping.told:  # the next request should find another server
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        with self._metrics.open.track_inprogress():
            try:
                with self._stopping.bounded() as time:
                    await self._app(scope, receive, note_status)
                if time.cancelled_caught:
                    logger.warning(
                        "%s %s was cut off (%s)", scope["method"], scope["path"], scope["state"]["request_id"]
                    )
                    # One that has begun stays without its end: uvicorn closes the connection.
                    if status == _CLIENT_LEFT:
                        raise _stopped()
            except ClientDisconnect:
                pass
            except Exception as error:
                if status != _CLIENT_LEFT:
                    raise
                response = _answer(self._turned_away(_told(scope, error)))
                await response(scope, receive, note_status)
            finally:
                self._metrics.requests.labels(_route(scope), status).inc()

    async def _connected(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket: refused with an HTTP answer, or closed with a code (RFC 6455, 7.4.1) if it was accepted."""
        accepted = False

        async def note_accept(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
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
                await WebSocket(scope, receive, send).send_denial_response(_answer(failure))

    def _turned_away(self, failure: Failure) -> Failure:
        if failure.code in _REASONS:
            self._metrics.rejected.labels(failure.code).inc()
        return failure


def _told(scope: Scope, error: Exception) -> Failure:
    failure = describe(error)
    if failure.status >= 500 and not isinstance(error, RequestError):
        what = scope.get("method", "WebSocket")
        logger.error("%s %s failed (%s)", what, scope["path"], scope["state"]["request_id"], exc_info=error)
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


def _route(scope: Scope) -> str:
    """The route's pattern: a path from outside would let clients grow the metrics without end."""
    return getattr(scope.get("route"), "path", "unknown")
