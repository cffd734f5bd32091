"""Refuses attachments of a kind that the model does not take."""

from __future__ import annotations

from engine.api import Attachment, Sound
from server.media.errors import MediaError
from server.media.sources import Part

_REFUSALS = {
    "image": "this model takes no pictures.",
    "video": "this model takes no videos.",
    "sound": "this model does not hear: it takes no sound.",
}
_SILENT = 'this model does not hear. To show it a video without the sound, set "audio": false.'
_MODALITIES = {"image": "image", "video": "video", "sound": "audio"}


def check_part(part: Part, modalities: frozenset[str]) -> None:
    """Before it is fetched or decoded. `modalities` is what the model takes besides text. Raises MediaError."""
    if not modalities:
        raise _refusal("this model takes text only: it cannot see or hear attachments.")
    if _MODALITIES[part.kind] not in modalities:
        raise _refusal(_REFUSALS[part.kind])


def check_soundtrack(attachments: list[Attachment], modalities: frozenset[str]) -> None:
    """What a part decoded to: only now is it known whether a video has a sound. Raises MediaError."""
    if "audio" not in modalities and any(isinstance(attachment, Sound) for attachment in attachments):
        raise _refusal(_SILENT)


def _refusal(why: str) -> MediaError:
    return MediaError(why, code="unsupported_modality")
