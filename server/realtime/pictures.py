"""The pictures of items, decoded as those of a chat request are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.api import Image
from server.media.errors import MediaError
from server.media.parts import Attachments
from server.realtime.items import Item, Message, Seen


async def with_pictures(item: Item, attachments: Attachments, where: str) -> Item:
    """The item with all its pictures decoded. Cancelling it ends the decoding.

    Raises:
        MediaError: naming the part of the item at `where` that cannot be used.
    """
    if not isinstance(item, Message) or not any(isinstance(part, Seen) for part in item.content):
        return item
    given = [_named(part) if isinstance(part, Seen) else "" for part in item.content]
    try:
        (message,) = await attachments.decode([{"role": "user", "content": given}])
    except MediaError as error:
        if error.param is not None:
            error.param = error.param.replace("messages[0]", where)
        raise
    pairs = zip(item.content, message["content"], strict=True)
    return replace(
        item,
        content=tuple(replace(part, image=_image(found)) if isinstance(part, Seen) else part for part, found in pairs),
    )


async def picture(url: str, attachments: Attachments, param: str) -> Image:
    """One picture. Raises as `with_pictures`."""
    try:
        (message,) = await attachments.decode([{"role": "user", "content": [_named(Seen(url))]}])
    except MediaError as error:
        error.param = param
        raise
    return _image(message["content"][0])


def _named(part: Seen) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": part.url}}


def _image(found: object) -> Image:
    assert isinstance(found, Image), "a picture that decodes to something else"
    return found
