"""A turn prefilled while the user still speaks, so that its answer begins sooner. Knows no turn detection."""

from __future__ import annotations

import logging
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from engine.api import Engine, EngineError

logger = logging.getLogger(__name__)

_NOT_ASKED = frozenset({"stream", "stream_options", "logprobs", "top_logprobs", "max_completion_tokens", "n"})
"""Fields that change the answer, which nobody reads, and not the prompt."""


class EarlyStart:
    """What one session has the engine compute ahead of time: at most one request, the newest.

    The engine keeps what it computes of a prompt: prefix blocks (also of requests that were cut off), the encoded
    sound and pictures. Whatever the answer to the real request shares with the last one here is there already.
    """

    def __init__(self, engine: Engine, group: TaskGroup) -> None:
        """Requests run in tasks of `group`; cancelling that aborts them."""
        self._engine, self._group = engine, group
        self._running = anyio.CancelScope()

    def prefill(self, request: dict[str, Any]) -> None:
        """Have the engine read the prompt of `request`, a chat completion. Aborts the request before it.

        A failure is only logged: the real request will meet it again.
        """
        self.stop()
        self._running = anyio.CancelScope()
        self._group.start_soon(self._prefill, prefill_of(request), self._running, name="early start")

    def stop(self) -> None:
        """Abort what runs. To be called before the real request is made, which would wait for it otherwise."""
        self._running.cancel()

    async def _prefill(self, request: dict[str, Any], scope: anyio.CancelScope) -> None:
        with scope:
            await checkpoint()  # where it ends if it has been overtaken
            try:
                await self._engine.chat(request)
            except EngineError as error:
                logger.info("An early start was refused: %s", error.message)


def prefill_of(request: dict[str, Any]) -> dict[str, Any]:
    """The request with the same prompt and an answer of one token."""
    kept = {name: value for name, value in request.items() if name not in _NOT_ASKED}
    if kept.get("tool_choice") not in (None, "none"):  # which leaves the tools out of the prompt
        kept["tool_choice"] = "auto"  # no grammar need be built
    return kept | {"max_tokens": 1}
