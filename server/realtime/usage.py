"""What a response cost, in the form of the SDK's `RealtimeResponseUsage`. No I/O."""

from __future__ import annotations

from typing import Any


def response_usage(usage: dict[str, Any]) -> dict[str, Any]:
    """From the usage of a chat completion, with or without details (`engine.usage`).

    Frames of a video count as pictures, for which alone OpenAI has a name. An answer is made of text and then spoken by
    a voice that knows no tokens, so that its `audio_tokens` are 0.
    """
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    details = usage.get("prompt_tokens_details") or {}
    pictures = (details.get("image_tokens") or 0) + (details.get("video_tokens") or 0)
    sound = details.get("audio_tokens") or 0
    return {
        "total_tokens": prompt + completion,
        "input_tokens": prompt,
        "output_tokens": completion,
        "input_token_details": {
            "text_tokens": prompt - pictures - sound,
            "audio_tokens": sound,
            "image_tokens": pictures,
            "cached_tokens": details.get("cached_tokens") or 0,
        },
        "output_token_details": {"text_tokens": completion, "audio_tokens": 0},
    }
