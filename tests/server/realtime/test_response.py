"""Responses as clients are told of them, whatever became of them and whatever they cost."""

from __future__ import annotations

from typing import Any

import pytest

from engine.api import EngineError
from engine.usage import detailed
from server.realtime.config import begun
from server.realtime.items import FunctionCall, Item
from server.realtime.response import Ending, response_json
from server.realtime.updates import for_response
from tests.server.realtime.asking import FACTS, response
from tests.server.realtime.speaking import answer
from tests.server.realtime.strict import valid

TALK = begun("realtime", None, FACTS)
OUTPUT: list[Item] = [answer("item_1", "Hello."), FunctionCall("item_2", "call_1", "f", "{}")]
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 7,
    "total_tokens": 107,
    "prompt_tokens_details": {"multimodal_tokens": {"image": 20, "video": 10, "audio": 30}, "cached_tokens": 60},
}


def told(ending: Ending | None = None, usage: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A response with these fields as its event tells of it, valid."""
    asked = for_response(TALK, response(**fields), FACTS)
    output = () if ending is None else OUTPUT
    shown = response_json("resp_1", asked, "conv_1", ending, output, usage)
    kind = "response.created" if ending is None else "response.done"
    event: dict[str, Any] = valid({"type": kind, "event_id": "event_1", "response": shown})["response"]
    return event


def test_a_response_begins_with_what_it_is_to_be() -> None:
    assert told(metadata={"topic": "tea"}, max_output_tokens=5) == {
        "object": "realtime.response",
        "id": "resp_1",
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": 5,
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "default"}},
        "usage": None,
        "metadata": {"topic": "tea"},
    }
    assert told(conversation="none")["conversation_id"] is None


@pytest.mark.parametrize(
    ("ending", "status", "details"),
    [
        (Ending(), "completed", None),
        (Ending("turn_detected"), "cancelled", {"type": "cancelled", "reason": "turn_detected"}),
        (Ending("client_cancelled"), "cancelled", {"type": "cancelled", "reason": "client_cancelled"}),
        (Ending("max_output_tokens"), "incomplete", {"type": "incomplete", "reason": "max_output_tokens"}),
        (
            Ending(error=EngineError("Too long.", status=400)),
            "failed",
            {"type": "failed", "error": {"type": "invalid_request_error", "code": None, "message": "Too long."}},
        ),
        (
            Ending(error=KeyError("secret")),
            "failed",
            {"type": "failed", "error": {"type": "server_error", "code": None, "message": "Internal server error."}},
        ),
    ],
)
def test_a_response_says_how_it_ended(ending: Ending, status: str, details: dict[str, Any] | None) -> None:
    shown = told(ending)
    assert (shown["status"], shown["status_details"]) == (status, details)
    assert [item["id"] for item in shown["output"]] == ["item_1", "item_2"]


def test_a_response_says_what_it_cost() -> None:
    usage = told(Ending(), detailed(USAGE))["usage"]
    assert usage == {
        "total_tokens": 107,
        "input_tokens": 100,
        "output_tokens": 7,
        "input_token_details": {"text_tokens": 40, "audio_tokens": 30, "image_tokens": 30, "cached_tokens": 60},
        "output_token_details": {"text_tokens": 7, "audio_tokens": 0},
    }
    plain = told(Ending(), {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})["usage"]
    assert plain["input_token_details"]["text_tokens"] == 3
