"""Calls of tools that an answer's length has cut off: their beginning is markup, no text. No I/O.

vLLM's parsers leave it out of streamed answers, and give it as text in whole ones.
"""

from __future__ import annotations

from typing import Any


def without_cut_call(completion: dict[str, Any], start: str) -> dict[str, Any]:
    """A chat completion whose texts end where a call, which begins with `start`, was cut off. Changes it in place."""
    for choice in completion["choices"]:
        if choice["finish_reason"] == "length":
            choice["message"]["content"] = _before(choice["message"]["content"], start)
    return completion


def response_without_cut_call(response: dict[str, Any], start: str) -> dict[str, Any]:
    """The same for a response of the Responses API."""
    if response["status"] == "incomplete":
        for part in (part for item in response["output"] for part in item.get("content") or ()):
            part["text"] = _before(part.get("text"), start)
    return response


def _before(text: str | None, start: str) -> str | None:
    return text.partition(start)[0] if text else text
