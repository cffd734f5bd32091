"""Items as clients are told of them, in the form of the SDK's `ConversationItem`. No I/O."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

from server.realtime.items import (
    FunctionCall,
    FunctionCallOutput,
    Heard,
    Item,
    Message,
    Part,
    Seen,
    Spoken,
    Watched,
    Words,
)
from server.realtime.turn_sound import Samples

Json = dict[str, Any]
Encode = Callable[[Samples], bytes]
"""Samples at SAMPLE_RATE to bytes in a session's input format."""


def item_json(item: Item, encode: Encode | None = None) -> Json:
    """`encode` writes the user's sound, as `conversation.item.retrieved` has it; None: without sound, as all others.

    The assistant's speech is not kept; of it the words are told. Frames stand beside the content, as `video`.
    """
    common = {"id": item.id, "object": "realtime.item", "status": item.status}
    match item:
        case Message():
            parts = [told for part in item.content for told in part_json(part, item.role, encode)]
            frames = sum(part.count for part in item.content if isinstance(part, Watched))
            shown = {"video": {"frames": frames}} if frames else {}
            return common | {"type": "message", "role": item.role, "content": parts} | shown
        case FunctionCall():
            called = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
            return common | {"type": "function_call"} | called
        case FunctionCallOutput():
            return common | {"type": "function_call_output", "call_id": item.call_id, "output": item.output}


def part_json(part: Part, role: str, encode: Encode | None = None) -> list[Json]:
    """A part of a message; none for frames, which are no part at OpenAI."""
    match part:
        case Words(text):
            return [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
        case Heard():
            sound = {} if encode is None else {"audio": b64encode(encode(part.samples)).decode()}
            return [{"type": "input_audio", "transcript": part.transcript} | sound]
        case Seen():
            return [{"type": "input_image", "image_url": part.url, "detail": part.detail}]
        case Spoken():
            return [{"type": "output_audio", "transcript": part.transcript}]
        case Watched():
            return []


def content_part_json(part: Words | Spoken) -> Json:
    """A part of an answer as `response.content_part.added` and `.done` have it, under their own names."""
    if isinstance(part, Words):
        return {"type": "text", "text": part.text}
    return {"type": "audio", "transcript": part.transcript}
