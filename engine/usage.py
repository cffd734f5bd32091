"""What an answer cost, broken down as OpenAI does: which prompt tokens stand for pictures, which for sound. No I/O."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

USAGE_EVENT = '"choices":[],"'
"""Stands in the one event of a stream that holds its usage, and nowhere else: quotes inside texts are escaped."""


def detailed(usage: dict[str, Any]) -> dict[str, Any]:
    """vLLM's usage of a chat completion with OpenAI's details, which add up to the totals.

    An attachment counts with the rows that it takes in the prompt. Speech is made of the answer's text by a voice that
    knows no tokens, so `audio_tokens` of a completion are always 0.
    """
    prompt, completion = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    rows = prompt.get("multimodal_tokens") or {}
    reasoning = completion.get("reasoning_tokens") or 0
    return usage | {
        "prompt_tokens_details": {
            "text_tokens": usage["prompt_tokens"] - sum(rows.values()),
            "image_tokens": rows.get("image", 0),
            "video_tokens": rows.get("video", 0),
            "audio_tokens": rows.get("audio", 0),
            "cached_tokens": prompt.get("cached_tokens") or 0,
        },
        "completion_tokens_details": {
            "text_tokens": usage["completion_tokens"] - reasoning,
            "audio_tokens": 0,
            "reasoning_tokens": reasoning,
        },
    }


def with_details(event: str) -> str:
    """An event of a streamed chat completion; if it holds the answer's usage, with details."""
    if USAGE_EVENT not in event:
        return event
    chunk = from_json(event.removeprefix("data: "))
    return f"data: {to_json(chunk | {'usage': detailed(chunk['usage'])}).decode()}\n\n"
