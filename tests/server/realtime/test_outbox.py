"""Events on their way to one client: order, numbers, sound as base64, and what a client costs that does not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from server.errors import RequestError
from server.realtime.outbox import Outbox, Speech, emit_error

pytestmark = pytest.mark.anyio

MIB = 2**20


async def test_events_come_in_order_with_ids_of_their_own() -> None:
    outbox = Outbox()
    outbox.emit("first", value=1)
    outbox.emit("second", item_id="a", delta=Speech(b"\x00\x01", 1))
    emit_error(outbox.emit, RequestError("No.", code="no"), "mine")
    outbox.end()
    outbox.emit("after the end")
    events = [json.loads(event) async for event in outbox.events()]
    assert [event["type"] for event in events] == ["first", "second", "error"]
    assert events[1]["delta"] == "AAE="
    assert (events[2]["error"]["code"], events[2]["error"]["event_id"]) == ("no", "mine")
    ids = [event["event_id"] for event in events]
    assert ids == sorted(set(ids))
    other = Outbox()
    other.emit("first")
    assert json.loads(other.taken()[0])["event_id"] not in ids


async def test_all_is_noted_and_of_sound_how_much_there_was() -> None:
    noted = list[Mapping[str, Any]]()
    outbox = Outbox()
    outbox.journal = lambda event_id, event: noted.append(event)
    for item_id, samples in (("a", 2400), ("a", 4800), ("a", 8400), ("a", 9600), ("b", 2400), ("a", 12_000)):
        outbox.emit("response.output_audio.delta", item_id=item_id, delta=Speech(b"\x00\x01", samples))
    outbox.emit("response.output_text.delta", delta="Hi")
    *sound, text = noted
    assert [(note["item_id"], note["samples"]) for note in sound] == [
        ("a", 2400),
        ("a", 8400),
        ("b", 2400),
        ("a", 12_000),
    ]
    assert text["type"] == "response.output_text.delta"


async def test_who_waits_for_an_event_gets_it() -> None:
    outbox, heard = Outbox(), list[str]()

    async def read() -> None:
        async for event in outbox.events():
            heard.append(json.loads(event)["type"])

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        outbox.emit("first")
        await anyio.wait_all_tasks_blocked()
        assert heard == ["first"]
        outbox.end()


async def test_sound_waits_until_the_client_has_taken_some() -> None:
    outbox, order = Outbox(), list[str]()

    async def send() -> None:
        await outbox.room()
        order.append("room")

    outbox.put(bytes(MIB))
    async with anyio.create_task_group() as group:
        group.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        order.append("taken")
        outbox.taken()
    assert order == ["taken", "room"]


async def test_a_client_that_is_too_far_behind_is_told_apart() -> None:
    outbox = Outbox()
    for _ in range(4):
        outbox.put(bytes(MIB))
    assert not outbox.overrun.is_set()
    outbox.put(b"x")
    assert outbox.overrun.is_set()
    await outbox.room()  # nobody is to be held up for ever


async def test_one_large_event_is_no_sign_of_that() -> None:
    outbox = Outbox()
    outbox.put(bytes(40 * MIB))
    await outbox.room()
    outbox.put(bytes(3 * MIB))
    assert not outbox.overrun.is_set()
    outbox.taken()
    outbox.put(bytes(40 * MIB))
    outbox.put(bytes(40 * MIB))
    assert outbox.overrun.is_set()


async def test_a_large_event_counts_again_once_it_has_left() -> None:
    outbox = Outbox()
    outbox.put(bytes(5 * MIB))
    outbox.put(b"{}")
    events = outbox.events()
    await anext(events)
    outbox.put(b"{}")  # it is on its way
    await anext(events)
    outbox.put(bytes(5 * MIB))
    assert not outbox.overrun.is_set()
    await events.aclose()


async def test_all_who_wait_for_room_are_let_go() -> None:
    """Two spoken responses may wait at once."""
    outbox = Outbox()
    outbox.emit("long", item_id="a", delta=Speech(bytes(MIB), MIB // 2))
    outbox.end()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(outbox.room)
            await anyio.wait_all_tasks_blocked()
            assert len([event async for event in outbox.events()]) == 1
