"""The Responses API through OpenAI's Python SDK."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.asked import CALLING, FUNCTION, MODEL, SAID, encoded, picture

pytestmark = pytest.mark.engine

HELLO: dict[str, Any] = {"model": MODEL, "input": "Hello.", "temperature": 0, "max_output_tokens": 12}
SEEING = [
    {"type": "input_image", "detail": "auto", "image_url": picture()},
    {"type": "input_text", "text": "What is in the picture?"},
]
HEARING = [{"type": "input_audio", "input_audio": {"data": encoded("question.wav"), "format": "wav"}}]


@pytest.mark.parametrize(
    "asked",
    ["Hello.", [{"role": "user", "content": SEEING}], [{"role": "user", "content": HEARING}]],
    ids=["text", "image", "audio"],
)
def test_streamed_and_whole_are_one(sdk: OpenAI, asked: Any) -> None:
    whole = sdk.responses.create(**HELLO | {"input": asked, "store": False, "metadata": {"a": "b"}})
    events = list(sdk.responses.create(**HELLO | {"input": asked}, stream=True))
    assert whole.output_text
    assert whole.metadata == {"a": "b"}
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == f"response.{whole.status}"


def test_an_answer_cut_off_is_incomplete(sdk: OpenAI) -> None:
    whole = sdk.responses.create(**HELLO | {"max_output_tokens": 1})
    assert whole.status == "incomplete"
    *_, last = sdk.responses.create(**HELLO | {"max_output_tokens": 1}, stream=True)
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_function_is_called_and_answered(sdk: OpenAI, stream: bool) -> None:
    tools: Any = [{"type": "function", "strict": False} | FUNCTION]
    asked = HELLO | {"tools": tools, "max_output_tokens": 100, "extra_body": CALLING}
    if stream:
        *_, last = sdk.responses.create(**asked, stream=True)
        assert last.type == "response.completed"
        response = last.response
    else:
        response = sdk.responses.create(**asked)
    (call,) = (item for item in response.output if item.type == "function_call")
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Rome"})
    assert response.output_text.strip() == SAID
    history: Any = [
        {"role": "user", "content": "Hello."},
        *(item.model_dump(exclude_none=True) for item in response.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."},
    ]
    assert sdk.responses.create(**HELLO | {"input": history, "tools": tools, "tool_choice": "none"}).output_text


def test_logprobs(sdk: OpenAI) -> None:
    asked: Any = HELLO | {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    (message,) = sdk.responses.create(**asked).output
    assert message.type == "message"
    (part,) = message.content
    assert part.type == "output_text"
    assert part.logprobs
    assert all(len(token.top_logprobs) == 2 for token in part.logprobs)
    assert any(
        event.type == "response.output_text.delta" and event.logprobs
        for event in sdk.responses.create(**asked, stream=True)
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "nobody"}, "model"),
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"extra_body": {"something_new": 1}}, "something_new"),
    ],
)
def test_errors(sdk: OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.APIStatusError) as refusal:
        sdk.responses.create(**HELLO | fields)
    assert refusal.value.status_code == (404 if param == "model" else 400)
    assert refusal.value.param == param
