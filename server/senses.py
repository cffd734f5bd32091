"""Refuses attachments of a kind that the model does not take, by name and before anything is fetched or decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.errors import RequestError
from server.media.sources import Part, parse_part

_REFUSALS = {
    "image": "this model takes no pictures.",
    "video": "this model takes no videos.",
    "sound": "this model does not hear: it takes no sound.",
}
_SILENT = 'this model does not hear. To show it a video without the sound, set "audio": false.'
_MODALITIES = {"image": "image", "video": "video", "sound": "audio"}


def check_senses(messages: Sequence[dict[str, Any]], modalities: frozenset[str], name: str = "messages") -> None:
    """`modalities` is what the model takes besides text, `name` the field that holds `messages`.

    Raises:
        RequestError: a part is of another kind.
        MediaError: a part is malformed.
    """
    for number, message in enumerate(messages):
        content = message.get("content")
        for place, entry in enumerate(content if isinstance(content, list) else []):
            where = f"{name}[{number}].content[{place}]"
            if part := parse_part(entry, message.get("role"), where):
                _check(part, modalities)


def _check(part: Part, modalities: frozenset[str]) -> None:
    if not modalities:
        raise _refusal(part, "this model takes text only: it cannot see or hear attachments.")
    if _MODALITIES[part.kind] not in modalities:
        raise _refusal(part, _REFUSALS[part.kind])
    if part.soundtrack and "audio" not in modalities:
        raise _refusal(part, _SILENT)


def _refusal(part: Part, why: str) -> RequestError:
    return RequestError(f"{part.where}: {why}", param=part.where, code="unsupported_modality")
