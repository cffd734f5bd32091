"""GET /health and GET /metrics of one worker."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import anyio
import uvicorn
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tts.workers.figures import Figures


class Worker(Protocol):
    """What is asked how it does."""

    @property
    def healthy(self) -> bool:
        """It can take jobs."""
        ...

    async def start(self) -> None:
        """Tell whoever gives jobs that this worker takes them."""
        ...

    async def run(self, stopping: anyio.Event, drain_seconds: float) -> None:
        """Take jobs until `stopping` is set, then finish those in hand."""
        ...


def operations(worker: Worker, stopping: anyio.Event, figures: Figures) -> Starlette:
    """200 while it takes jobs; 503 when it is draining or cannot reach what gives it jobs."""

    async def health(_: Request) -> Response:
        status = "draining" if stopping.is_set() else "ok" if worker.healthy else "unreachable"
        return JSONResponse({"status": status}, 200 if status == "ok" else 503)

    async def metrics(_: Request) -> Response:
        return Response(figures.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return Starlette(routes=[Route("/health", health), Route("/metrics", metrics)])


class OperationsServer(uvicorn.Server):
    """uvicorn that leaves signals to the worker, which has work to finish first."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning", access_log=False, ws="none", lifespan="off"))

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
