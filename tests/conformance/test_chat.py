"""Chat completions through OpenAI's Python SDK: every option of docs/api.md on the real engine."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conformance.asked import CALLING, FORCED, FUNCTION, HELLO, SAID, SCHEMA, SPOKEN, encoded, picture

pytestmark = pytest.mark.engine

TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": FUNCTION}], "max_completion_tokens": 100}
FORCED_TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": FORCED}]}
SEEING: dict[str, Any] = {
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": picture(), "detail": "auto"}},
                {"type": "text", "text": "What is in the picture?"},
            ],
        }
    ]
}
HEARING: dict[str, Any] = {
    "messages": [
        {
            "role": "user",
            "content": [{"type": "input_audio", "input_audio": {"data": encoded("question.wav"), "format": "wav"}}],
        }
    ]
}


@pytest.mark.parametrize(
    ("asked", "kind"),
    [(HELLO, None), (SEEING, "image_tokens"), (HEARING, "audio_tokens")],
    ids=["text", "image", "audio"],
)
def test_streamed_and_whole_are_one(sdk: OpenAI, asked: dict[str, Any], kind: str | None) -> None:
    whole = sdk.chat.completions.create(**HELLO | asked)
    options: Any = {"include_usage": True, "continuous_usage_stats": True}
    chunks = list(sdk.chat.completions.create(**HELLO | asked, stream=True, stream_options=options))
    assert whole.usage is not None
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == whole.choices[0].message.content
    counted = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
    assert len(counted) == len(chunks)
    assert counted == sorted(counted)
    for usage in (whole.usage, chunks[-1].usage):
        assert usage is not None
        prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
        assert prompt is not None
        assert completion is not None
        assert prompt.model_dump()["video_tokens"] == completion.audio_tokens == 0
        assert (prompt.text_tokens or 0) + (prompt.image_tokens or 0) + (
            prompt.audio_tokens or 0
        ) == usage.prompt_tokens
        assert completion.text_tokens == usage.completion_tokens
        if kind is not None:
            assert getattr(prompt, kind) > 0


def test_choices_and_logprobs(sdk: OpenAI) -> None:
    asked = HELLO | {"n": 2, "temperature": 1, "seed": 1, "logprobs": True, "top_logprobs": 2}
    whole = sdk.chat.completions.create(**asked)
    assert [choice.index for choice in whole.choices] == [0, 1]
    for choice in whole.choices:
        assert choice.logprobs is not None
        assert choice.logprobs.content
        assert all(len(token.top_logprobs) >= 2 for token in choice.logprobs.content)
    streamed = list(sdk.chat.completions.create(**asked, stream=True))
    assert {choice.index for chunk in streamed for choice in chunk.choices} == {0, 1}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("spoken", [{}, SPOKEN], ids=["text", "spoken"])
@pytest.mark.parametrize("choice", ["auto", "required", {"type": "function", "function": {"name": "weather"}}, "none"])
def test_tools(sdk: OpenAI, choice: Any, spoken: dict[str, Any], stream: bool) -> None:
    made = TOOLS | {"extra_body": CALLING} if choice == "auto" else TOOLS | FORCED_TOOLS
    asked = HELLO | made | spoken | {"tool_choice": choice}
    if stream:
        chunks = [chunk.choices[0] for chunk in sdk.chat.completions.create(**asked, stream=True)]
        calls = [call.function for part in chunks for call in part.delta.tool_calls or [] if call.function]
        arguments = "".join(call.arguments or "" for call in calls)
        names = [call.name for call in calls if call.name]
        text = "".join(_text(part.delta.model_dump()) for part in chunks)
        finish = chunks[-1].finish_reason
    else:
        answer = sdk.chat.completions.create(**asked).choices[0]
        functions = [call.function for call in answer.message.tool_calls or [] if call.type == "function"]
        arguments, names = "".join(call.arguments for call in functions), [call.name for call in functions]
        text, finish = _text(answer.message.model_dump()), answer.finish_reason
    if choice == "none":
        assert names == []
        assert text
        return
    assert (names, json.loads(arguments)) == (["weather"], {"city": "Rome"})
    assert finish == ("stop" if isinstance(choice, dict) else "tool_calls")  # as at OpenAI
    assert text.strip() == (SAID if choice == "auto" else "")


def _text(message: dict[str, Any]) -> str:
    return (message.get("content") or "") + ((message.get("audio") or {}).get("transcript") or "")


@pytest.mark.parametrize("spoken", [{}, SPOKEN], ids=["text", "spoken"])
def test_a_json_schema(sdk: OpenAI, spoken: dict[str, Any]) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "number", "schema": SCHEMA, "strict": True}}
    extra = {"response_format": schema}
    message = sdk.chat.completions.create(**HELLO | spoken | extra).choices[0].message
    assert json.loads(_text(message.model_dump())) in (1, 2)


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "flac", "opus", "pcm16"])
def test_a_spoken_answer_and_its_id(sdk: OpenAI, audio_format: str) -> None:
    spoken: Any = SPOKEN | {"audio": {"voice": "alloy", "format": audio_format}}
    whole = sdk.chat.completions.create(**HELLO | spoken).choices[0].message
    assert whole.audio is not None
    assert len(base64.b64decode(whole.audio.data)) > 1000
    history: Any = [*HELLO["messages"], {"role": "assistant", "audio": {"id": whole.audio.id}}, *HELLO["messages"]]
    again = list(sdk.chat.completions.create(**HELLO | spoken | {"messages": history}, stream=True))
    audio = [delta["audio"] for delta in (chunk.choices[0].delta.model_dump() for chunk in again) if delta.get("audio")]
    assert "".join(part.get("transcript") or "" for part in audio)
    assert sum(len(base64.b64decode(part.get("data") or "")) for part in audio) > 1000
    assert len({part["id"] for part in audio}) == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "nobody"}, "model"),
        ({"temperature": -1}, "temperature"),
        ({"n": 2, **SPOKEN}, "n"),
        ({"store": True}, "store"),
        ({"extra_body": {"something_new": 1}}, "something_new"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"messages": [{"role": "assistant", "audio": {"id": "audio_0"}}]}, "messages[0].audio.id"),
    ],
)
def test_errors(sdk: OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.APIStatusError) as refusal:
        sdk.chat.completions.create(**HELLO | fields)
    assert refusal.value.status_code == (404 if param == "model" else 400)
    assert refusal.value.param == param
