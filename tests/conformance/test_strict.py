"""The check itself: it lets nothing pass that the SDK would only overlook."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tests.conformance.strict import check

CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}],
}
ERROR: dict[str, Any] = {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}


def stream(*events: object) -> bytes:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"


def checked(body: bytes, kind: str = "text/event-stream", status: int = 200) -> None:
    check("/v1/chat/completions", status, kind, body)


def test_what_the_sdk_declares_passes() -> None:
    checked(stream(CHUNK, CHUNK | {"ours": 1}))
    checked(json.dumps(ERROR).encode(), "application/json", 400)


@pytest.mark.parametrize(
    "wrong",
    [{"created": "1"}, {"object": "chunk"}, {"choices": None}, {"choices": [{"index": 0, "finish_reason": "?"}]}],
)
def test_one_wrong_event_does_not(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        checked(stream(CHUNK, CHUNK | wrong))


def test_nor_does_a_stream_without_an_end_or_an_error_of_another_form() -> None:
    with pytest.raises(AssertionError):
        checked(stream(CHUNK).removesuffix(b"data: [DONE]\n\n"))
    with pytest.raises(ValidationError):
        checked(json.dumps({"error": {"message": "No."}}).encode(), "application/json", 400)
