"""Earlier answers put back into the conversation as the words that were said: spoken ones, named by their audio id, and
refusals."""

from __future__ import annotations

from typing import Any

from server.errors import RequestError
from server.store import Store


async def recall(messages: list[dict[str, Any]], store: Store) -> list[dict[str, Any]]:
    """`messages` with the transcript in place of each assistant message's `audio`, or its refusal as its content.

    A message that brings its words in `content` as well keeps them. Cancelling it changes nothing.

    Raises:
        RequestError: an id is missing, unknown or expired.
    """
    return [
        _with_refusal(await _with_words(message, store, f"messages[{index}].audio") if _is_spoken(message) else message)
        for index, message in enumerate(messages)
    ]


def _is_spoken(message: dict[str, Any]) -> bool:
    return message.get("role") == "assistant" and "audio" in message


def _with_refusal(message: dict[str, Any]) -> dict[str, Any]:
    refused = message.get("role") == "assistant" and not message.get("content") and message.get("refusal")
    return message | {"content": message["refusal"]} if refused else message


async def _with_words(message: dict[str, Any], store: Store, param: str) -> dict[str, Any]:
    rest = {name: value for name, value in message.items() if name != "audio"}
    # The SDKs dump an unspoken answer with `audio: null`.
    if message["audio"] is None or rest.get("content"):
        return rest
    return rest | {"content": await _transcript(message["audio"], store, param)}


async def _transcript(audio: object, store: Store, param: str) -> str:
    audio_id = audio.get("id") if isinstance(audio, dict) else None
    if not isinstance(audio_id, str):
        raise RequestError(f"{param} must be an object with an id.", param=param)
    transcript = await store.transcript(audio_id)
    if transcript is None:
        raise RequestError(f"No answer is kept as {audio_id!r}; it may have expired.", param=f"{param}.id")
    return transcript
