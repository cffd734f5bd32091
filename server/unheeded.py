"""Fields of OpenAI's that change no answer here: checked, then taken out of a body, so that nothing else is ignored.

A value that would ask for something this server does not do is refused. Knows nothing of what the engine reads.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictStr, ValidationError

from server.errors import RequestError


class Unheeded(BaseModel):
    """What OpenAI's clients send on any route that answers."""

    metadata: dict[str, StrictStr] | None = Field(
        default=None, description="An object of strings. Taken, and not kept: no answer is stored."
    )
    safety_identifier: StrictStr | None = Field(default=None, description="A string. Taken without effect.")
    prompt_cache_key: StrictStr | None = Field(
        default=None, description="A string. Taken without effect: equal beginnings of prompts are always found."
    )
    prompt_cache_retention: Literal["in_memory", "24h"] | None = Field(
        default=None, description="in_memory or 24h. Taken without effect."
    )
    prompt_cache_options: dict[str, Any] | None = Field(default=None, description="An object. Taken without effect.")
    service_tier: Literal["auto", "default"] | None = Field(
        default=None, description="auto or default: there is one tier."
    )
    store: Literal[False] | None = Field(default=None, description="false: this server stores no answers.")
    moderation: None = Field(default=None, description="This server does not moderate.")


class ChatUnheeded(Unheeded):
    """What they send to chat completions."""

    prediction: dict[str, Any] | None = Field(
        default=None, description="An object. Taken without effect: it could only make an answer quicker."
    )
    verbosity: Literal["medium"] | None = Field(default=None, description="medium: the model knows no other.")
    web_search_options: None = Field(default=None, description="This server does not search the web.")
    functions: None = Field(default=None, description="Send tools instead.")
    function_call: None = Field(default=None, description="Send tool_choice instead.")


class ResponsesUnheeded(Unheeded):
    """What OpenAI's clients send to this route. Null, or what each is without being sent, is all that is taken."""

    background: Literal[False] | None = Field(default=None, description="false: an answer ends with its request.")
    previous_response_id: None = Field(
        default=None, description="This server stores no responses: send the whole conversation."
    )
    conversation: None = Field(default=None, description="This server stores no conversations: send all of it.")
    prompt: None = Field(default=None, description="This server stores no prompts.")
    context_management: None = Field(default=None, description="Too long a conversation is refused, not shortened.")
    truncation: Literal["disabled"] | None = Field(
        default=None, description="disabled: too long a conversation is refused, not shortened."
    )


class StreamOptions(BaseModel):
    include_obfuscation: StrictBool | None = Field(
        default=None, description="Taken without effect: events are not padded. Hide their sizes with TLS."
    )


def take_unheeded(body: dict[str, Any], fields: type[Unheeded], keep: Container[str] = ()) -> None:
    """Check these fields and remove all but `keep`, which the engine repeats; and `stream_options.include_obfuscation`.

    Raises:
        RequestError: one asks for what is not done here, or has the wrong form.
    """
    try:
        fields.model_validate(body)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise RequestError(f"{name}: {fields.model_fields[name].description}", param=name) from error
    for name in fields.model_fields:
        if name not in keep:
            body.pop(name, None)
    if isinstance(options := body.get("stream_options"), dict) and "include_obfuscation" in options:
        StreamOptions.model_validate(options)
        del options["include_obfuscation"]
        if not options:
            del body["stream_options"]
