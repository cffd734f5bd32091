"""An engine that says what a test tells it, when the test tells it. Its events have the shape of vLLM's."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import anyio

from engine.api import EngineError, Fit, ServedModel

MODEL = "ola-demo"

Delta = str | dict[str, Any]
"""Text, or the fields of a whole choice (`delta`, `logprobs`, `token_ids`, ...)."""


class ScriptedEngine:
    """Answers every request with `deltas`.

    gates: delta index -> event to wait for before that delta; the first event of a stream waits for gate 0.
    refuse: raised before the first event.
    break_at: index of the delta in whose place an `error` event is sent; the stream ends there.
    """

    modalities = frozenset({"image", "video", "audio"})

    def __init__(
        self,
        deltas: Sequence[Delta] = ("Hello ", "there."),
        *,
        gates: Mapping[int, anyio.Event] | None = None,
        refuse: Exception | None = None,
        break_at: int | None = None,
        finish: Mapping[str, Any] | None = None,
    ) -> None:
        self.deltas, self.gates, self.refuse, self.break_at = list(deltas), dict(gates or {}), refuse, break_at
        self.finish = dict(finish or {"delta": {"content": ""}, "finish_reason": "stop", "stop_reason": None})
        self.fits: Mapping[str, Fit] = {}
        self.requests: list[dict[str, Any]] = []
        self.generated = 0
        """Deltas that exist so far, over all requests."""
        self.alive = True
        self.started = anyio.Event()
        """Set when the first request is running."""
        self._running = 0

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._serving(request):
            texts = []
            for index, delta in enumerate(self.deltas):
                await self._reach(index)
                texts.append(delta if isinstance(delta, str) else delta["delta"].get("content") or "")
            message = {"role": "assistant", "content": "".join(texts)}
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish["finish_reason"]}
            return {**_head("chat.completion"), "choices": [choice], "usage": _usage(len(texts))}

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        with self._serving(request):
            for index, delta in enumerate(self.deltas):
                await self._reach(index)
                if index == 0:
                    yield _event(_chunk({"delta": {"role": "assistant", "content": ""}}))
                if index == self.break_at:
                    yield _event({"error": {"message": "the engine died", "type": "server_error", "code": 500}})
                    yield "data: [DONE]\n\n"
                    return
                yield _event(_chunk({"delta": {"content": delta}} if isinstance(delta, str) else delta))
            yield _event(_chunk(self.finish))
            if (request.get("stream_options") or {}).get("include_usage"):
                yield _event(_head("chat.completion.chunk") | {"choices": [], "usage": _usage(len(self.deltas))})
            yield "data: [DONE]\n\n"

    async def respond(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._serving(request):
            for index in range(len(self.deltas)):
                await self._reach(index)
            return _response("completed", "".join(str(delta) for delta in self.deltas))

    async def stream_response(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        with self._serving(request):
            for index, delta in enumerate(self.deltas):
                await self._reach(index)
                if index == 0:
                    yield _named({"type": "response.created", "response": _response("in_progress", "")})
                yield _named({"type": "response.output_text.delta", "delta": delta})
            done = _response("completed", "".join(str(delta) for delta in self.deltas))
            yield _named({"type": "response.completed", "response": done})

    async def models(self) -> list[ServedModel]:
        return [ServedModel(MODEL, 1, 16384)]

    async def check(self) -> None:
        if not self.alive:
            raise EngineError("The engine is dead.", status=503, type="server_error")

    async def running(self) -> int:
        return self._running

    async def _reach(self, index: int) -> None:
        if index in self.gates:
            await self.gates[index].wait()
        await anyio.lowlevel.checkpoint()
        self.generated += 1

    @contextmanager
    def _serving(self, request: dict[str, Any]) -> Any:
        self.requests.append(request)
        if self.refuse is not None:
            raise self.refuse
        self._running += 1
        self.started.set()
        try:
            yield
        finally:
            self._running -= 1


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": MODEL}


def _chunk(choice: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}
    return _head("chat.completion.chunk") | {"choices": [empty | dict(choice)]}


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": tokens + 3}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"


def _response(status: str, text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": [part]}
    return {"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status, "output": [message]}


def _named(data: dict[str, Any]) -> str:
    return f"event: {data['type']}\n{_event(data)}"
