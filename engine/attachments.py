"""How decoded attachments reach vLLM's chat parser: by digest, out of a table that belongs to one request.

vLLM's media connector is the extension point that turns a part's URL into data. Ours replaces the one that opens URLs,
so that nothing a client writes can make the engine fetch anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, cast

import PIL.Image
from vllm.exceptions import VLLMValidationError
from vllm.multimodal.media.connector import MEDIA_CONNECTOR_REGISTRY

from engine.api import SAMPLE_RATE, Attachment, Image, Sound, Video

SCHEME = "attachment:"

TABLE: ContextVar[Mapping[str, Attachment]] = ContextVar("attachments")
"""The attachments of the request that the current task renders, by digest."""

PART_TYPES = {Image: "image_url", Video: "video_url", Sound: "audio_url"}


def with_parts(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Attachment]]:
    """Messages as vLLM reads them, and the table of what their parts name."""
    table: dict[str, Attachment] = {}

    def part(entry: Any) -> Any:
        if not isinstance(entry, Attachment):
            return entry
        table[entry.digest] = entry
        kind = PART_TYPES[type(entry)]
        # vLLM keys its caches by `uuid`: one recording attached twice is encoded once.
        return {"type": kind, kind: {"url": SCHEME + entry.digest}, "uuid": entry.digest}

    def message(entry: Any) -> Any:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), list):
            return entry
        return entry | {"content": [part(item) for item in entry["content"]]}

    return [message(entry) for entry in messages], table


class AttachmentConnector:
    """Finds what the gateway has decoded. vLLM makes one for every message with media."""

    def __init__(self, **_: Any) -> None:
        """The options of vLLM's own connector concern fetching and decoding, which happen in the gateway."""

    async def fetch_image_async(self, url: str, **_: Any) -> PIL.Image.Image:
        return PIL.Image.fromarray(cast(Image, find(url, Image)).pixels)

    async def fetch_video_async(self, url: str, **_: Any) -> tuple[Any, dict[str, Any]]:
        return cast(Video, find(url, Video)).frames, {}

    async def fetch_audio_async(self, url: str, **_: Any) -> tuple[Any, float]:
        return cast(Sound, find(url, Sound)).samples, SAMPLE_RATE


def find(url: str, kind: type[Attachment]) -> Attachment:
    found = TABLE.get({}).get(url.removeprefix(SCHEME)) if url.startswith(SCHEME) else None
    if not isinstance(found, kind):
        raise VLLMValidationError("Attachments are decoded by the gateway; the engine opens no URL.")
    return found


def install() -> None:
    """Make this process's vLLM use the connector for every URL."""
    MEDIA_CONNECTOR_REGISTRY.register("http")(AttachmentConnector)
