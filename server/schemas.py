"""What /openapi.json says about the bodies and answers of the routes that a model answers on.

Written for readers and generators of clients: what is checked is checked by the models that these build on, and by the
engine.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.asking import ChatFields
from server.unheeded import ChatUnheeded, ResponsesUnheeded

_Object = dict[str, Any]


class Part(BaseModel):
    """Text, or an attachment as a data URI, base64 or, where the server fetches, an https URL."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "image_url", "video_url", "audio_url", "input_audio"]
    text: str | None = None
    image_url: _Object | str | None = None
    video_url: _Object | str | None = None
    audio_url: _Object | str | None = None
    input_audio: _Object | None = None


class Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    name: str | None = None
    audio: _Object | None = Field(default=None, description="`id` of an earlier spoken answer of this server.")
    tool_calls: list[_Object] | None = None
    tool_call_id: str | None = None


class Sampling(BaseModel):
    """OpenAI's and vLLM's fields about how an answer is made; vLLM has more."""

    model_config = ConfigDict(extra="allow")

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0)
    seed: int | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[str, float] | None = None
    top_logprobs: int | None = Field(default=None, ge=0)
    tools: list[_Object] | None = Field(default=None, min_length=1)
    tool_choice: str | _Object | None = None
    parallel_tool_calls: bool | None = None
    user: str | None = None


class ChatBody(Sampling, ChatUnheeded, ChatFields):
    """OpenAI's chat completion request with vLLM's extra fields (docs/api.md)."""

    messages: list[Message] = Field(min_length=1)  # type: ignore[assignment]  # read as they come
    max_completion_tokens: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool | None = None
    n: int | None = Field(default=None, ge=1, description="1 if the answer is spoken.")
    response_format: _Object | None = None
    stream_options: _Object | None = Field(default=None, description="`include_usage`, `continuous_usage_stats`.")
    reasoning_effort: str | None = None


class ResponsesBody(Sampling, ResponsesUnheeded):
    """OpenAI's request for a response with vLLM's extra fields (docs/api.md)."""

    input: str | list[_Object] = Field(description="A text, or messages, calls of tools and what tools said.")
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    include: list[Literal["message.output_text.logprobs"]] | None = None
    reasoning: _Object | None = None
    text: _Object | None = Field(default=None, description="`format` of the answer, such as a JSON schema.")


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """OpenAI's `chat.completion`."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[_Object]
    usage: Usage


class ResponseObject(BaseModel):
    """OpenAI's `response`."""

    id: str
    object: Literal["response"]
    created_at: int
    status: Literal["completed", "incomplete", "failed", "in_progress"]
    output: list[_Object]


class Error(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """Every error of every route."""

    error: Error
