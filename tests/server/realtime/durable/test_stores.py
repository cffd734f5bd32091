"""Sessions in memory and in a real Redis: what is kept, who may write it, how much there may be of it, and that both
do the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import describe
from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.redis import RedisSessions, session_store
from server.realtime.durable.store import (
    Bounds,
    Change,
    Hold,
    Kept,
    Noted,
    OutOfStepError,
    SessionStore,
    SessionStoreError,
    TakenOverError,
    TooLargeError,
    UnknownSessionError,
    new_session_id,
)
from server.settings import Settings
from tests.redis_server import redis_server
from tests.server.keys import connected
from tests.server.realtime.durable.stores import ANNA, BERT, KEPT, Clock, noted, two_of

pytestmark = pytest.mark.anyio

KINDS = ["memory", "redis"]
ID, OTHER = new_session_id(), new_session_id()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as server:
        yield server.url


@pytest.fixture(params=KINDS)
async def stores(request: pytest.FixtureRequest, url: str) -> AsyncIterator[list[SessionStore]]:
    async with two_of(request.param, url) as both:
        yield both


# What is kept


async def test_a_session_is_found_as_it_was_left(stores: list[SessionStore]) -> None:
    hold = await stores[0].replace(Hold(ID, ANNA), KEPT, noted("a_1", "a_2", "a_4", "b_1"))
    await stores[0].release(hold)
    claim = await stores[1].claim(ID, ANNA)
    assert claim.kept == KEPT
    assert claim.hold == Hold(ID, ANNA, epoch=3, revision=1)
    rest = [event.data for event in claim.events]
    assert claim.since("a_1") == rest[1:]
    assert claim.since("a_3") == rest[2:]  # an event of sound, say
    assert claim.since("a_5") == rest[3:]
    assert claim.since("b_1") == []
    assert claim.since("a_0") is None
    assert claim.since("c_1") is None


async def test_changes_add_up(stores: list[SessionStore]) -> None:
    hold = await stores[0].replace(Hold(ID, ANNA), KEPT)
    hold = await stores[0].write(hold, Change(config={"speed": 2}))
    hold = await stores[0].write(hold, Change(state={"turns": 3}, items={"item_1": b"more"}))
    order = ["item_3", "item_2", "item_1"]
    hold = await stores[0].write(hold, Change(items={"item_3": b"three", "item_4": b"nowhere"}, order=order))
    hold = await stores[0].write(hold, Change(items={"item_5": b"nowhere"}, events=noted("a")))
    claim = await stores[1].claim(ID, ANNA)
    items = [("item_3", b"three"), ("item_2", b"\x00\xff"), ("item_1", b"more")]
    assert claim.kept == Kept({"speed": 2}, items, {"turns": 3})
    assert claim.since("a") == []


async def test_what_is_kept_is_not_what_it_was_made_of(stores: list[SessionStore]) -> None:
    config: dict[str, Any] = {"tools": []}
    await stores[0].replace(Hold(ID, ANNA), Kept(config))
    config["tools"].append("one")
    claim = await stores[1].claim(ID, ANNA)
    assert claim.kept.config == {"tools": []}


async def test_what_is_forgotten_is_gone(stores: list[SessionStore]) -> None:
    hold = await stores[0].replace(Hold(ID, ANNA), KEPT)
    await stores[0].forget(hold)
    await stores[0].forget(hold)
    with pytest.raises(UnknownSessionError):
        await stores[1].claim(ID, ANNA)


# Who may


async def test_a_session_is_its_accounts_alone(stores: list[SessionStore]) -> None:
    hold = await stores[0].replace(Hold(ID, ANNA), KEPT)
    for owner in (BERT, ""):
        with pytest.raises(UnknownSessionError):
            await stores[1].claim(ID, owner)
        with pytest.raises(TakenOverError):
            await stores[1].replace(Hold(ID, owner, epoch=9), KEPT)
    assert await stores[0].write(hold, Change()) == hold.next()


@pytest.mark.parametrize("session_id", ["", "sess_", "sess_1", "x" * 1000, f"{ID}\n", f"{ID}:items"], ids=range(6))
async def test_what_is_no_id_is_unknown(stores: list[SessionStore], session_id: str) -> None:
    with pytest.raises(UnknownSessionError):
        await stores[0].claim(session_id, ANNA)


async def test_who_lost_a_session_can_do_nothing_to_it(stores: list[SessionStore]) -> None:
    lost = await stores[0].replace(Hold(ID, ANNA), KEPT)
    hold = (await stores[1].claim(ID, ANNA)).hold
    for call in (
        stores[0].write(lost, Change(config={})),
        stores[0].write(lost.next(), Change(config={})),
        stores[0].replace(lost.next(), Kept({})),
        stores[0].renew(lost),
    ):
        with pytest.raises(TakenOverError):
            await call
    await stores[0].release(lost)
    await stores[0].forget(lost)
    await stores[1].renew(hold)
    hold = await stores[1].write(hold, Change(state={}))
    assert (await stores[0].claim(ID, ANNA)).kept == replace(KEPT, state={})


async def test_who_released_a_session_can_do_nothing_to_it(stores: list[SessionStore]) -> None:
    hold = await stores[0].replace(Hold(ID, ANNA), KEPT)
    await stores[0].release(hold)
    with pytest.raises(TakenOverError):
        await stores[0].write(hold, Change(config={}))
    await stores[0].forget(hold)
    assert (await stores[1].claim(ID, ANNA)).kept == KEPT


async def test_of_many_who_claim_at_once_one_can_write(stores: list[SessionStore]) -> None:
    await stores[0].replace(Hold(ID, ANNA), KEPT)
    written: list[int] = []

    async def race(store: SessionStore) -> None:
        hold = (await store.claim(ID, ANNA)).hold
        for _ in range(5):
            try:
                hold = await store.write(hold, Change(config={"epoch": hold.epoch}))
            except TakenOverError:
                return
        written.append(hold.epoch)

    async with anyio.create_task_group() as group:
        for index in range(10):
            group.start_soon(race, stores[index % 2])
    assert max(written) == 11
    assert (await stores[0].claim(ID, ANNA)).kept.config == {"epoch": 11}


async def test_a_change_to_what_is_not_there_asks_for_the_whole(stores: list[SessionStore]) -> None:
    unknown = Hold(ID, ANNA, epoch=3, revision=7)
    for call in (stores[0].write(unknown, Change(config={})), stores[0].renew(unknown)):
        with pytest.raises(OutOfStepError):
            await call
    hold = await stores[0].replace(unknown, KEPT)
    with pytest.raises(OutOfStepError):  # as if the last write had not been done, or a later one had
        await stores[0].write(hold.next(), Change(config={}))
    with pytest.raises(OutOfStepError):
        await stores[0].write(unknown, Change(config={}))
    with pytest.raises(OutOfStepError):  # a call that comes after later ones of the same holder
        await stores[0].replace(unknown, Kept({}))
    claim = await stores[1].claim(ID, ANNA)
    assert (claim.kept, claim.hold.epoch) == (KEPT, 4)


async def test_a_later_epoch_writes_over_what_an_older_redis_remembers(stores: list[SessionStore]) -> None:
    """Redis that starts again may have lost its last second, a claim among it."""
    await stores[0].replace(Hold(ID, ANNA), KEPT)
    hold = Hold(ID, ANNA, epoch=2, revision=0)
    with pytest.raises(OutOfStepError):
        await stores[0].write(hold, Change())
    assert (await stores[0].replace(hold, Kept({}))).epoch == 2


# How much


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_that_grows_too_large_is_not_kept(kind: str, url: str) -> None:
    async with two_of(kind, url, Bounds(session_bytes=100)) as (store, _):
        hold = await store.replace(Hold(ID, ANNA), Kept({}, [("a", b"x" * 50)]))
        hold = await store.write(hold, Change(items={"a": b"x" * 96}))
        with pytest.raises(TooLargeError):
            await store.write(hold, Change(items={"a": b"x" * 97}))
        with pytest.raises(UnknownSessionError):
            await store.claim(ID, ANNA)
        with pytest.raises(TooLargeError):
            await store.replace(hold, Kept({}, [("a", b"x" * 97)]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bounds", [Bounds(events=3), Bounds(event_bytes=3 * noted("0")[0].size)])
async def test_the_last_events_are_known(kind: str, url: str, bounds: Bounds) -> None:
    async with two_of(kind, url, bounds) as (store, _):
        hold = await store.replace(Hold(ID, ANNA), KEPT, noted("1", "2"))
        hold = await store.write(hold, Change(events=noted("3")))
        hold = await store.write(hold, Change(events=noted("4", "5")))
        claim = await store.claim(ID, ANNA)
        assert claim.since("2") is None
        assert claim.since("3") == [event.data for event in noted("4", "5")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "bounds", [Bounds(waiting=2), Bounds(waiting_bytes=2 * (len(b"{}{}one") + noted("1")[0].size))]
)
async def test_who_has_waited_longest_goes_first(kind: str, url: str, bounds: Bounds) -> None:
    async with two_of(kind, url, bounds) as (store, other):
        ids = [new_session_id() for _ in range(6)]
        holds = [await store.replace(Hold(name, ANNA), Kept({}, [("a", b"one")]), noted("1")) for name in ids]
        await store.release(holds[0])
        await store.release(holds[1])
        again = (await other.claim(ids[0], ANNA)).hold
        await store.release(holds[2])
        await store.release(holds[3])  # two and three wait now; one had to go, zero is connected
        await other.release(again)
        assert [await _is_there(store, name) for name in ids] == [True, False, False, True, True, True]


async def _is_there(store: SessionStore, session_id: str) -> bool:
    try:
        await store.claim(session_id, ANNA)
    except UnknownSessionError:
        return False
    return True


async def test_memory_forgets_in_time() -> None:
    clock = Clock()
    store = MemorySessions(Bounds(ttl_seconds=10), clock)
    hold = await store.replace(Hold(ID, ANNA), KEPT)
    clock.seconds += 9
    await store.renew(hold)
    clock.seconds += 9
    await store.release(hold)
    clock.seconds += 9
    claimed = (await store.claim(ID, ANNA)).hold
    clock.seconds += 10
    with pytest.raises(UnknownSessionError):
        await store.claim(ID, ANNA)
    with pytest.raises(OutOfStepError):
        await store.renew(claimed)


async def test_redis_forgets_in_time(url: str) -> None:
    async with connected(url) as redis:
        await redis.flushall()
        store = RedisSessions(redis, Bounds(ttl_seconds=10))
        hold = await store.replace(Hold(ID, ANNA), KEPT, noted("a"))
        calls: list[Callable[[], Awaitable[object]]]
        calls = [lambda: store.renew(hold), lambda: store.release(hold), lambda: store.claim(ID, ANNA)]
        for call in calls:
            await _let_pass(redis, 9)
            await call()
            keys = await redis.keys()
            assert len(keys) == (6 if call is calls[1] else 4)
            for key in keys:
                assert 9_000 < await redis.pttl(key) <= 10_000
        await _let_pass(redis, 10)
        with pytest.raises(UnknownSessionError):
            await store.claim(ID, ANNA)


async def _let_pass(redis: Any, seconds: float) -> None:
    """Redis's clock is nobody's to turn; so its keys are made older."""
    for key in await redis.keys():
        await redis.pexpire(key, await redis.pttl(key) - round(seconds * 1000))


async def test_who_waits_no_longer_takes_no_room(url: str) -> None:
    """Sizes and times of those that expired go with the next who begins to wait."""
    async with connected(url) as redis:
        await redis.flushall()
        store = RedisSessions(redis, Bounds(ttl_seconds=0.05, waiting=2))
        for _ in range(3):
            await store.release(await store.replace(Hold(new_session_id(), ANNA), KEPT))
        await anyio.sleep(0.06)  # the index goes by Redis's own clock
        await redis.persist("{ola:sessions}:waiting")
        await store.release(await store.replace(Hold(ID, ANNA), KEPT))
        assert await redis.zrange("{ola:sessions}:waiting", 0, -1) == [ID.encode()]
        assert await redis.hkeys("{ola:sessions}:bytes") == [ID.encode()]


async def test_the_settings_say_where_sessions_are_kept(url: str) -> None:
    async with session_store(Settings()) as store:
        assert isinstance(store, MemorySessions)
    async with session_store(Settings(redis_url=url)) as store:
        assert isinstance(store, RedisSessions)
        await store.replace(Hold(fresh := new_session_id(), ANNA), KEPT)
        assert (await store.claim(fresh, ANNA)).kept == KEPT
    with pytest.raises(SessionStoreError, match="OLA_REDIS_URL"):
        async with session_store(Settings(redis_url="nonsense")):
            pass


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(UnknownSessionError("x"), 404, "session_not_found"), (SessionStoreError("x"), 503, "sessions_unavailable")],
)
def test_clients_are_told_what_is_wrong(error: Exception, status: int, code: str) -> None:
    failure = describe(error)
    assert (failure.status, failure.code) == (status, code)


async def test_a_redis_that_is_away_is_an_error_of_its_own() -> None:
    async with connected("redis://127.0.0.1:1") as nobody:
        store, hold = RedisSessions(nobody), Hold(ID, ANNA)
        for call in (
            store.replace(hold, KEPT),
            store.write(hold, Change()),
            store.renew(hold),
            store.release(hold),
            store.claim(ID, ANNA),
            store.forget(hold),
        ):
            with pytest.raises(SessionStoreError):
                await call


# Both are one

names = st.sampled_from(["a", "b", "c", "d\ud800"])
blobs = st.binary(max_size=30)
objects = st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=2)
events = st.lists(st.builds(Noted, st.sampled_from("12345"), blobs), max_size=4)
changes = st.builds(
    Change,
    st.none() | objects,
    st.none() | objects,
    st.dictionaries(names, blobs, max_size=3),
    st.none() | st.lists(names, unique=True, max_size=4),
    events,
)
whole_ones = st.builds(
    Kept, objects, st.dictionaries(names, blobs, max_size=3).map(lambda items: list(items.items())), objects
)
holders = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("replace"), holders, whole_ones, events),
    st.tuples(st.just("write"), holders, changes),
    st.tuples(st.just("renew"), holders),
    st.tuples(st.just("release"), holders),
    st.tuples(st.just("forget"), holders),
    st.tuples(st.just("claim"), st.sampled_from([ID, OTHER]), st.sampled_from([ANNA, BERT])),
    st.tuples(st.just("fail"), holders),
    st.tuples(st.just("expire")),
)
SMALL = Bounds(session_bytes=90, events=5, event_bytes=70, waiting=2, waiting_bytes=120)


@settings(max_examples=300, deadline=None)
@given(script=st.lists(steps, max_size=40))
async def test_memory_and_redis_answer_alike(url: str, script: list[Any]) -> None:
    clock = Clock()
    memory = MemorySessions(SMALL, clock)
    async with connected(url) as redis:
        await redis.flushall()
        both: list[Any] = [memory, RedisSessions(redis, SMALL)]
        holds = [Hold(ID, ANNA), Hold(OTHER, ANNA), Hold(ID, BERT), Hold(OTHER, BERT)]
        for kind, *arguments in script:
            clock.seconds += 0.001
            match kind:
                case "expire":
                    clock.seconds += SMALL.ttl_seconds
                    await redis.flushall()
                case "fail":
                    holds[arguments[0]] = holds[arguments[0]].next()
                case "claim":
                    one, other = [await _answer(store.claim(*arguments)) for store in both]
                    assert one == other
                    if not isinstance(one, type):
                        holds[0 if arguments[0] == ID else 1] = one.hold
                case _:
                    index, *rest = arguments
                    one, other = [await _answer(getattr(store, kind)(holds[index], *rest)) for store in both]
                    assert one == other
                    if isinstance(one, Hold):
                        holds[index] = one
        for session_id in (ID, OTHER):
            for owner in (ANNA, BERT):
                one, other = [await _answer(store.claim(session_id, owner)) for store in both]
                assert one == other


async def _answer(call: Any) -> Any:
    """What it returns, or the kind of its error."""
    try:
        return await call
    except (TakenOverError, OutOfStepError, TooLargeError, UnknownSessionError) as error:
        return type(error)
