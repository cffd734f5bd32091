"""Refuses attachments of a kind that the model does not take, by name, and as a rule before anything is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.api import Sound
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


def check_soundtracks(messages: Sequence[dict[str, Any]], modalities: frozenset[str], name: str = "messages") -> None:
    """The same of `messages` whose attachments are decoded: only now is it known which videos have a sound.

    Raises:
        RequestError: one has, and the model does not hear.
    """
    if "audio" in modalities:
        return
    for number, message in enumerate(messages):
        content, place = message.get("content"), -1
        for entry in content if isinstance(content, list) else []:
            if isinstance(entry, Sound):  # stands after its video, as an entry more than were sent
                raise _refusal(f"{name}[{number}].content[{place}]", _SILENT)
            place += 1


def _check(part: Part, modalities: frozenset[str]) -> None:
    if not modalities:
        raise _refusal(part.where, "this model takes text only: it cannot see or hear attachments.")
    if _MODALITIES[part.kind] not in modalities:
        raise _refusal(part.where, _REFUSALS[part.kind])


def _refusal(where: str, why: str) -> RequestError:
    return RequestError(f"{where}: {why}", param=where, code="unsupported_modality")
