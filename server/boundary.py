"""The outermost layer of the app: counts every request and turns every exception into an error in OpenAI's format."""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import describe
from server.metrics import Metrics

logger = logging.getLogger(__name__)

_CLIENT_LEFT = 499
"""The status that a request is counted under whose client disconnected before it had one (nginx's convention)."""


async def answer_failure(request: Request, error: Exception) -> Response:
    """Any exception as an HTTP answer; with its traceback in the log if it is our fault."""
    failure = describe(error)
    if failure.status >= 500:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse(failure.body, failure.status, failure.headers)


class Boundary:
    """ASGI middleware around everything else. What it cannot answer any more closes the connection."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CLIENT_LEFT

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.open.track_inprogress():
            try:
                await self._app(scope, receive, note_status)
            except ClientDisconnect:
                pass
            except Exception as error:
                if status != _CLIENT_LEFT:
                    raise
                response = await answer_failure(Request(scope), error)
                await response(scope, receive, note_status)
            finally:
                self._metrics.requests.labels(_route(scope), status).inc()


def _route(scope: Scope) -> str:
    """The route's pattern: a path from outside would let clients grow the metrics without end."""
    return getattr(scope.get("route"), "path", "unknown")
