"""The way into the store behind a live session: what is noted is kept, whatever the store does meanwhile."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.realtime.durable import keeping
from server.realtime.durable.keeping import Keeping
from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.redis import RedisSessions
from server.realtime.durable.store import (
    Bounds,
    Change,
    Claim,
    Hold,
    Kept,
    Noted,
    SessionStore,
    SessionStoreError,
    TakenOverError,
    UnknownSessionError,
    new_session_id,
)
from tests.redis_server import redis_server
from tests.server.keys import connected
from tests.server.realtime.durable.stores import ANNA

pytestmark = pytest.mark.anyio

ID = new_session_id()


@pytest.fixture(scope="module", autouse=True)
def impatience() -> Iterator[pytest.MonkeyPatch]:
    """Nobody gathers, and who failed tries again at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping, "_GATHER_SECONDS", 0)
        patch.setattr(keeping, "_RETRY_SECONDS", 0)
        yield patch


@dataclass
class Talk:
    """A conversation."""

    config: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    items: dict[str, bytes] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        return list(self.items)

    def item(self, item_id: str) -> bytes:
        return self.items[item_id]

    @property
    def kept(self) -> Kept:
        return Kept(self.config, list(self.items.items()), self.state)


class Moody(MemorySessions):
    """Sessions in memory whose next writes fail before they are done, or when they are, or hang, as a test says."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        super().__init__(bounds)
        self.moods: list[str] = []
        self.writes = 0

    async def replace(self, hold: Hold, kept: Kept, events: Sequence[Noted] = ()) -> Hold:
        mood = await self._mood()
        return self._sure(mood, await super().replace(hold, kept, events))

    async def write(self, hold: Hold, change: Change) -> Hold:
        mood = await self._mood()
        return self._sure(mood, await super().write(hold, change))

    async def _mood(self) -> str:
        self.writes += 1
        mood = self.moods.pop(0) if self.moods else "well"
        if mood == "hangs":
            await anyio.sleep_forever()
        if mood == "fails":
            raise SessionStoreError("away")
        if mood == "forgets":
            self._sessions.clear()
        return mood

    def _sure(self, mood: str, hold: Hold) -> Hold:
        if mood == "unsure":
            raise SessionStoreError("no answer")
        return hold


@asynccontextmanager
async def kept(store: SessionStore, talk: Talk) -> AsyncGenerator[Keeping, None]:
    """A new session while its connection lives."""
    keeper = Keeping.begun(store, ID, ANNA, talk)
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.run)
        yield keeper
        group.cancel_scope.cancel()
    await keeper.release()


async def settled() -> None:
    """Until who writes has written: the store never waits, so some turns of the event loop are enough."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def found(store: SessionStore) -> Claim:
    return await store.claim(ID, ANNA)


async def test_what_is_noted_is_found() -> None:
    store, talk = MemorySessions(), Talk({"speed": 1})
    async with kept(store, talk) as keeper:
        talk.items |= {"a": b"one", "b": b"two"}
        keeper.item_changed("a")
        keeper.item_changed("b")
        keeper.sent("event_1", {"type": "conversation.item.added"})
        await settled()
        del talk.items["a"]
        keeper.order_changed()
        talk.state["turns"] = 1
        keeper.state_changed()
        keeper.sent("event_2", {"type": "conversation.item.deleted"})
    claim = await found(store)
    assert claim.kept == Kept({"speed": 1}, [("b", b"two")], {"turns": 1})
    assert [json.loads(event) for event in claim.since("event_1") or []] == [{"type": "conversation.item.deleted"}]


async def test_a_session_goes_on_where_it_was_left() -> None:
    store, talk = MemorySessions(), Talk()
    async with kept(store, talk) as keeper:
        keeper.sent("event_1", {})
    again = Keeping.resumed(store, await found(store), talk)
    again.sent("event_2", {"n": 2})
    talk.config["speed"] = 2
    again.config_changed()
    await again.release()
    claim = await found(store)
    assert (claim.kept.config, claim.since("event_1")) == ({"speed": 2}, [b'{"n":2}'])


async def _until_taken_over(keeper: Keeping) -> None:
    with anyio.fail_after(5), pytest.raises(TakenOverError):
        await keeper.run()


async def test_who_was_taken_over_is_told_and_writes_no_more() -> None:
    store, talk = MemorySessions(), Talk({"holder": 1})
    keeper = Keeping.begun(store, ID, ANNA, talk)
    async with anyio.create_task_group() as group:
        group.start_soon(_until_taken_over, keeper)
        await settled()
        hold = (await found(store)).hold
        talk.config["holder"] = 2
        keeper.config_changed()
    await keeper.release()
    await store.renew(hold)  # nobody released it
    assert (await found(store)).kept.config == {"holder": 1}


async def test_an_idle_session_is_renewed_and_learns_that_it_was_taken_over(impatience: pytest.MonkeyPatch) -> None:
    store = MemorySessions()
    keeper = Keeping.begun(store, ID, ANNA, Talk())
    with impatience.context() as patch:
        patch.setattr(keeping, "_RENEW_SECONDS", 0.01)
        async with anyio.create_task_group() as group:
            group.start_soon(_until_taken_over, keeper)
            await settled()
            store._sessions.clear()  # as a Redis that starts again with nothing
            with anyio.fail_after(5):
                while ID not in store._sessions:  # noqa: ASYNC110
                    await anyio.sleep(0.005)
            await found(store)


async def test_a_session_that_grows_too_large_goes_on_unkept() -> None:
    store, talk = MemorySessions(Bounds(session_bytes=100)), Talk()
    async with kept(store, talk) as keeper:
        await settled()
        talk.items["a"] = b"x" * 200
        keeper.item_changed("a")
        await settled()
        keeper.config_changed()
    with pytest.raises(UnknownSessionError):
        await found(store)


async def test_a_session_that_is_over_is_forgotten() -> None:
    store = MemorySessions()
    async with kept(store, Talk()) as keeper:
        await settled()
        await keeper.forget()
        keeper.config_changed()
    with pytest.raises(UnknownSessionError):
        await found(store)


async def test_a_store_that_hangs_holds_no_connection(impatience: pytest.MonkeyPatch) -> None:
    store = Moody()
    store.moods = ["hangs", "hangs"]
    with impatience.context() as patch:
        patch.setattr(keeping, "_CLOSE_SECONDS", 0.01)
        async with kept(store, Talk()):
            await settled()
    assert store.writes == 2


async def test_events_wait_for_each_other_and_changes_wait_for_nothing(impatience: pytest.MonkeyPatch) -> None:
    store, talk = Moody(), Talk()
    with impatience.context() as patch:
        patch.setattr(keeping, "_GATHER_SECONDS", 100)
        async with kept(store, talk) as keeper:
            await settled()
            for number in range(10):
                keeper.sent(f"event_{number}", {})
                await settled()
            assert store.writes == 1
            keeper.config_changed()
            await settled()
            assert store.writes == 2
            keeper.sent("event_10", {})
    claim = await found(store)
    assert (store.writes, len(claim.since("event_0") or [])) == (3, 10)


moods = st.lists(st.sampled_from(["well", "fails", "unsure", "forgets"]), max_size=8)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.binary(max_size=4)),
        st.tuples(st.just("delete"), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["config", "state"]), st.integers(0, 9)),
        st.tuples(st.just("sent")),
        st.tuples(st.just("pause")),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(script=steps, moods=moods, last=st.sampled_from(["well", "hangs"]))
async def test_whatever_the_store_does_the_session_is_found_whole(script: Any, moods: list[str], last: str) -> None:
    store, talk, sent = Moody(Bounds(events=5)), Talk(), list[str]()
    store.moods = [*moods, last]
    async with kept(store, talk) as keeper:
        for kind, *arguments in script:
            match kind, arguments:
                case "put", (item_id, item):
                    talk.items[item_id] = item
                    keeper.item_changed(item_id)
                case "delete", (item_id,):
                    talk.items.pop(item_id, None)
                    keeper.order_changed()
                case "config", (value,):
                    talk.config["value"] = value
                    keeper.config_changed()
                case "state", (value,):
                    talk.state["value"] = value
                    keeper.state_changed()
                case "sent", _:
                    sent.append(f"event_{len(sent)}")
                    keeper.sent(sent[-1], {})
                case "pause", _:
                    await settled()
        await anyio.lowlevel.checkpoint()
        store.moods.clear()
    claim = await found(store)
    assert claim.kept == talk.kept
    assert [event.event_id for event in claim.events] == sent[-5:]


@pytest.mark.parametrize("remembers", [True, False])
async def test_redis_is_away_for_a_while(remembers: bool) -> None:
    talk = Talk({"speed": 1})
    with redis_server() as server:
        async with connected(server.url) as redis:
            store = RedisSessions(redis)
            async with kept(store, talk) as keeper:
                talk.items["a"] = b"before"
                keeper.item_changed("a")
                keeper.sent("event_1", {})
                await _until_known(store, 1)
                await anyio.to_thread.run_sync(server.stop, signal.SIGKILL)
                if not remembers:
                    server.forget()
                talk.items |= {"a": b"while", "b": b"it was away"}
                keeper.item_changed("a")
                keeper.item_changed("b")
                keeper.sent("event_2", {})
                with pytest.raises(SessionStoreError):
                    await store.claim(new_session_id(), ANNA)
                await anyio.to_thread.run_sync(server.start)
                talk.state["turns"] = 1
                keeper.state_changed()
            claim = await found(store)
    assert claim.kept == talk.kept
    assert claim.since("event_1") == [b"{}"]


async def _until_known(store: RedisSessions, events: int) -> None:
    """Wait until Redis has so many events of the session."""
    with anyio.fail_after(5):
        while await store._redis.llen(f"ola:session:{{{ID}}}:events") < events:  # noqa: ASYNC110
            await anyio.sleep(0.005)
