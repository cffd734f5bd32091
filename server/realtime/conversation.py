"""The items of one session in their order, and what of them an answer is given to. No I/O.

A change that is refused changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from server.errors import RequestError
from server.realtime.config import Retention, Truncation
from server.realtime.ids import new_id
from server.realtime.items import FunctionCall, FunctionCallOutput, Heard, Item, Message, Spoken, media_bytes, with_part

MAX_ITEMS = 2000
"""Many more than a model's context holds of the shortest ones."""
MAX_MEDIA_BYTES = 128 * 2**20
"""Of sound, pictures and frames: more than an hour of speech, which is twice what fits into the model's context, or
the frames of three turns at full size. A hundred sessions that all hold as much stay within 13 GB."""


@dataclass(frozen=True, slots=True)
class Cut:
    """That an answer was heard up to here and no further."""

    item_id: str
    content_index: int
    audio_end_ms: int
    event_id: str | None = None
    """Of the client's event, if it was one that said so."""


class Conversation:
    """Items by their ids, in order."""

    def __init__(
        self,
        items: Sequence[Item] = (),
        conversation_id: str | None = None,
        forgotten: Iterable[str] = (),
        cuts: Iterable[Cut] = (),
    ) -> None:
        """The arguments are what the properties of an earlier one told."""
        self.id = conversation_id or new_id("conv")
        self._items = {item.id: item for item in items}
        self._media = sum(map(media_bytes, items))
        self._forgotten = set(forgotten)
        self._cuts = {cut.item_id: cut for cut in cuts}

    @property
    def items(self) -> tuple[Item, ...]:
        """All of them."""
        return tuple(self._items.values())

    @property
    def context(self) -> tuple[Item, ...]:
        """Those that have not been forgotten (`fit`)."""
        return tuple(item for item in self._items.values() if item.id not in self._forgotten)

    @property
    def forgotten(self) -> frozenset[str]:
        """Ids of the others."""
        return frozenset(self._forgotten)

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Those to come (`truncate`)."""
        return tuple(self._cuts.values())

    @property
    def last(self) -> str | None:
        """The id of the last item."""
        return next(reversed(self._items), None)

    def before(self, item_id: str) -> str | None:
        """The id of the item before this one; None if it is the first, or none."""
        ids = list(self._items)
        place = ids.index(item_id) if item_id in self._items else 0
        return ids[place - 1] if place else None

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def get(self, item_id: str, param: str = "item_id") -> Item:
        """Raises RequestError: there is no such item."""
        if item_id not in self._items:
            message = f"There is no item {item_id[:64]!r} in this conversation."
            raise RequestError(message, param=param, code="item_not_found")
        return self._items[item_id]

    def insert(self, item: Item, previous: str | None = None) -> str | None:
        """Add an item behind `previous`: an item's id, "root" for the beginning, None for the end.

        Returns the id of the item before it, None if there is none.

        Raises:
            RequestError: its id is taken, there is no `previous`, what it answers was not asked, or there is no room.
        """
        if item.id in self._items:
            message = f"There is an item {item.id!r} in this conversation already."
            raise RequestError(message, param="item.id", code="item_exists")
        if isinstance(item, FunctionCallOutput):
            self._check_call(item)
        if previous not in (None, "root"):
            self.get(previous, "previous_item_id")
        if len(self._items) >= MAX_ITEMS:
            raise RequestError(f"A conversation has at most {MAX_ITEMS} items.", param="item", code="too_many_items")
        self._check_room(media_bytes(item))
        before = self.last if previous is None else previous
        self._place(item, None if before == "root" else before)
        return None if before == "root" else before

    def put(self, item: Item) -> bool:
        """Put another state of an item in its place. False: it has been deleted, and stays so.

        Raises:
            RequestError: there is no room for its media.
        """
        if item.id not in self._items:
            return False
        self._check_room(more := media_bytes(item) - media_bytes(self._items[item.id]))
        self._media += more
        self._items[item.id] = item
        return True

    def transcribed(self, item_id: str, content_index: int, transcript: str) -> bool:
        """The words of what was heard are known. False: it has been deleted."""
        item = self._items.get(item_id)
        if not isinstance(item, Message) or not isinstance(part := item.content[content_index], Heard):
            return False
        return self.put(with_part(item, content_index, replace(part, transcript=transcript)))

    def delete(self, item_id: str) -> None:
        """Raises RequestError: there is no such item."""
        self._media -= media_bytes(self.get(item_id))
        del self._items[item_id]
        self._forgotten.discard(item_id)
        self._cuts.pop(item_id, None)

    def truncate(self, cut: Cut) -> bool:
        """Keep of an answer what was heard: the words to there, and no later part. False: the answer is still being
        made; it is to be cut once it has stopped (`deferred`).

        Raises:
            RequestError: there is no such speech, or it is not that long.
        """
        item = self.get(cut.item_id)
        if not isinstance(item, Message) or item.role != "assistant":
            raise RequestError("Only messages of the assistant can be cut.", param="item_id", code="invalid_item")
        if cut.content_index < 0 or cut.audio_end_ms < 0:
            param = "content_index" if cut.content_index < 0 else "audio_end_ms"
            raise RequestError(f"{param} must not be negative.", param=param, code="invalid_value")
        if item.status == "in_progress":
            self._cuts[item.id] = cut
            return False
        self.put(_cut(item, cut))
        return True

    def deferred(self, item_id: str) -> Cut | None:
        """What was asked of an answer while it was being made. It is told once."""
        return self._cuts.pop(item_id, None)

    def fit(self, truncation: Truncation, limit: int, tokens: Callable[[Item], int]) -> tuple[str, ...]:
        """Forget the oldest items, but never a system's or the last one, until the others take at most `limit` tokens,
        by the estimate `tokens`. What is forgotten stays in the conversation and is part of no context again, so that
        the contexts of following answers begin alike. Returns the ids.
        """
        if truncation == "disabled":
            return ()
        ratio = 1.0
        if isinstance(truncation, Retention):
            ratio, limit = truncation.ratio, min(limit, truncation.most_tokens or limit)
        sizes = {item.id: tokens(item) for item in self.context}
        total = sum(sizes.values())
        if total <= limit:
            return ()
        forgotten: list[str] = []
        for item in self.context:
            if total <= limit * ratio:
                break
            gone = self._with_outputs(item)
            stays = self.last in gone or (isinstance(item, Message) and item.role == "system")
            if not stays and item.id not in self._forgotten:
                total -= sum(sizes[item_id] for item_id in gone)
                self._forgotten.update(gone)
                forgotten += gone
        return tuple(forgotten)

    def _with_outputs(self, item: Item) -> list[str]:
        """The item's id; of a call also those of what it returned, which says nothing without it."""
        if not isinstance(item, FunctionCall):
            return [item.id]
        outputs = [other for other in self.context if isinstance(other, FunctionCallOutput)]
        return [item.id, *(output.id for output in outputs if output.call_id == item.call_id)]

    def _place(self, item: Item, before: str | None) -> None:
        self._media += media_bytes(item)
        if before == self.last:
            self._items[item.id] = item
            return
        items = list(self._items.values())
        place = 0 if before is None else list(self._items).index(before) + 1
        self._items = {each.id: each for each in (*items[:place], item, *items[place:])}

    def _check_call(self, output: FunctionCallOutput) -> None:
        calls = (item for item in self._items.values() if isinstance(item, FunctionCall))
        if all(call.call_id != output.call_id for call in calls):
            message = f"No function was called as {output.call_id[:64]!r} in this conversation."
            raise RequestError(message, param="item.call_id", code="invalid_call_id")

    def _check_room(self, more: int) -> None:
        if more > 0 and self._media + more > MAX_MEDIA_BYTES:
            message = f"A conversation holds at most {MAX_MEDIA_BYTES} bytes of sound and pictures. Delete items."
            raise RequestError(message, param="item", code="too_much_media")


def _cut(item: Message, cut: Cut) -> Message:
    """Raises RequestError: there is no such speech, or it is not that long."""
    part = item.content[cut.content_index] if cut.content_index < len(item.content) else None
    if not isinstance(part, Spoken):
        message = f"Part {cut.content_index} of this item is not speech."
        raise RequestError(message, param="content_index", code="invalid_value")
    try:
        heard = part.cut(cut.audio_end_ms)
    except ValueError:
        message = f"audio_end_ms: the speech is not {cut.audio_end_ms} ms long."
        raise RequestError(message, param="audio_end_ms", code="invalid_value") from None
    return replace(item, content=(*item.content[: cut.content_index], heard))
