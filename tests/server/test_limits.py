"""Limits of a key: the arithmetic, both ledgers with many at once, and what requests see of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack

import anyio
import anyio.lowlevel
import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access.access import Access
from server.access.keys.key import account_of, digest_of
from server.access.limits.allowance import Allowance, LimitError, duration
from server.access.limits.ledger import PERIOD, Draw, Lease, Ledger, LedgerError, Standing, Taking
from server.access.limits.memory import MemoryLedger
from server.access.limits.quota import Quota
from server.access.limits.shared import RedisLedger
from tests.redis_server import redis_server
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import AUTHORIZED, SECRET, SomeKeys, connected
from tests.server.served import ASK, SPOKEN, quick_voice, served
from tests.server.test_errors import check_error

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
REQUEST = Draw("requests_per_minute", 6, 1)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as server:
        yield server.url


@pytest.fixture(params=["memory", "redis"])
async def ledgers(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[list[Ledger]]:
    """As many processes have them: four clients of one Redis, or one object four times."""
    if request.param == "memory":
        yield [MemoryLedger()] * 4
        return
    async with AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(connected(redis_url)) for _ in range(4)]
        await clients[0].flushall()
        yield [RedisLedger(client) for client in clients]


class Unchargeable(MemoryLedger):
    """One that is gone once a request was let in."""

    async def charge(self, account: str, draw: Draw) -> Standing:
        raise LedgerError("gone")


# Ledgers


async def test_exactly_as_many_as_allowed_whoever_asks(ledgers: list[Ledger]) -> None:
    granted = 0

    async def ask(ledger: Ledger) -> None:
        nonlocal granted
        for _ in range(10):
            taking = await ledger.take("anna", [REQUEST])
            granted += taking.granted

    async with anyio.create_task_group() as group:
        for ledger in ledgers:
            group.start_soon(ask, ledger)
    assert granted == 6
    refused = await ledgers[0].take("anna", [REQUEST])
    assert 9 < refused.standings[0].wait <= 10
    assert (await ledgers[0].take("bert", [REQUEST])).granted


async def test_places_are_held_and_given_back(ledgers: list[Ledger]) -> None:
    leases = [Lease("concurrent_requests", 3) for _ in range(12)]
    taken: list[Lease] = []

    async def ask(ledger: Ledger, lease: Lease) -> None:
        if (await ledger.take("anna", [], lease)).granted:
            taken.append(lease)

    async with anyio.create_task_group() as group:
        for index, lease in enumerate(leases):
            group.start_soon(ask, ledgers[index % 4], lease)
    assert len(taken) == 3
    assert (await ledgers[0].take("anna", [], Lease("concurrent_sessions", 1))).granted
    for ledger in ledgers:  # whoever holds it; to give back twice is no error
        await ledger.give_back("anna", taken[0])
    assert (await ledgers[1].take("anna", [], Lease("concurrent_requests", 3))).granted
    assert (await ledgers[1].take("anna", [], Lease("concurrent_requests", 3))).crowded


async def test_what_is_refused_costs_nothing(ledgers: list[Ledger]) -> None:
    ledger, empty = ledgers[0], Draw("input_bytes_per_minute", 100, 0)
    await ledger.charge("anna", Draw("input_bytes_per_minute", 100, 150))
    for _ in range(20):
        taking = await ledger.take("anna", [REQUEST, empty], Lease("concurrent_requests", 1))
        assert not taking.granted
        assert not taking.crowded
    assert (await ledger.take("anna", [REQUEST], Lease("concurrent_requests", 1))).granted
    crowded = await ledger.take("anna", [REQUEST], Lease("concurrent_requests", 1))
    assert crowded.crowded
    assert (await ledger.take("anna", [REQUEST])).standings[0].remaining == pytest.approx(4, abs=0.1)


async def test_a_debt_is_worked_off(ledgers: list[Ledger]) -> None:
    standing = await ledgers[0].charge("anna", Draw("audio_seconds_per_minute", 60, 90))
    assert (standing.enough, standing.remaining) == (False, 0)
    asked = await ledgers[1].take("anna", [Draw("audio_seconds_per_minute", 60, 0)])
    assert not asked.granted
    assert 29 < asked.standings[0].wait <= 30


async def test_places_of_a_process_that_died_are_free_again_and_others_are_kept(redis_url: str) -> None:
    async with connected(redis_url) as one, connected(redis_url) as two, connected(redis_url) as three:
        await one.flushall()
        dead, living, asking = (RedisLedger(client, lease_seconds=0.3) for client in (one, two, three))
        assert (await dead.take("anna", [], Lease("concurrent_requests", 2))).granted
        async with living.renewing():
            assert (await living.take("anna", [], Lease("concurrent_requests", 2))).granted
            assert (await asking.take("anna", [], Lease("concurrent_requests", 2))).crowded
            with anyio.fail_after(5):  # polled: Redis's clock tells nobody
                while not (await asking.take("anna", [], Lease("concurrent_requests", 2))).granted:  # noqa: ASYNC110
                    await anyio.sleep(0.02)
            began = time.monotonic()
            while time.monotonic() < began + 1:  # three times a lease
                assert (await asking.take("anna", [], Lease("concurrent_requests", 1))).crowded
                await anyio.sleep(0.05)


async def test_nothing_is_left_in_redis(redis_url: str) -> None:
    async with connected(redis_url) as redis:
        await redis.flushall()
        ledger, lease = RedisLedger(redis), Lease("concurrent_requests", 2)
        await ledger.take("anna", [REQUEST], lease)
        await ledger.charge("anna", Draw("audio_seconds_per_minute", 60, 90))
        for key in await redis.keys():
            assert 0 < await redis.pttl(key) <= 90_000
        await ledger.give_back("anna", lease)
        assert await redis.keys("*concurrent*") == []


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=60), st.integers(1, 50))
async def test_never_more_than_two_minutes_worth_in_a_minute(steps: list[tuple[float, int]], limit: int) -> None:
    """A full bucket, and what flows in meanwhile."""
    now = 0.0
    ledger = MemoryLedger(lambda: now)
    granted: list[tuple[float, int]] = []
    for wait, amount in steps:
        now += wait
        taking = await ledger.take("anna", [Draw("requests_per_minute", limit, amount)])
        standing = taking.standings[0]
        assert taking.granted == (standing.wait < 0.01)
        if taking.granted:
            granted.append((now, amount))
        elif amount <= limit:
            now += standing.wait
            granted.append((now, amount))
            assert (await ledger.take("anna", [Draw("requests_per_minute", limit, amount)])).granted
    for start, _ in granted:
        used = sum(amount for at, amount in granted if start <= at < start + PERIOD)
        assert used <= 2 * limit + 0.01


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0ms"),
        (0.12, "120ms"),
        (0.0001, "1ms"),
        (1, "1s"),
        (8.64, "8.64s"),
        (59.9, "59.9s"),
        (360, "6m0s"),
        (61.2, "1m2s"),
    ],
)
def test_durations_are_written_as_openai_does(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


# Requests


async def test_requests_a_minute_and_their_headers() -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys(requests_per_minute=2)), key=SECRET) as server:
        first = await server.http.post(CHAT, json=ASK, headers=AUTHORIZED)
        assert first.headers["x-ratelimit-limit-requests"] == "2"
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        assert first.headers["x-ratelimit-reset-requests"] == "30s"
        stream = await server.http.post(CHAT, json=ASK | {"stream": True}, headers=AUTHORIZED)
        assert stream.headers["x-ratelimit-remaining-requests"] == "0"
        refused = await server.http.post(CHAT, json=ASK, headers=AUTHORIZED)
        error = check_error(refused, 429)
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) in (29, 30)
        assert refused.headers.get_list("x-ratelimit-remaining-requests") == ["0"]
        with pytest.raises(openai.RateLimitError):
            await server.sdk.chat.completions.create(**ASK)
        other = await server.http.post(CHAT, json=ASK, headers={"authorization": "Bearer sk-ola-other"})
        assert other.status_code == 200
        assert (await server.http.get("/health")).status_code == 200
        metrics = (await server.http.get("/metrics", headers=AUTHORIZED)).text
    assert 'ola_rejected_requests_total{reason="rate_limit_exceeded"} 2.0' in metrics
    assert len(server.engine.requests) == 3


async def test_requests_at_a_time() -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(gates={0: gate})
    statuses: list[int] = []
    async with served(engine, access=Access(SomeKeys(concurrent_requests=2))) as server:

        async def ask() -> None:
            statuses.append((await server.http.post(CHAT, json=ASK, headers=AUTHORIZED)).status_code)

        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(ask)
            with anyio.fail_after(5):
                while await engine.running() < 2:  # noqa: ASYNC110 - no client sees it
                    await anyio.sleep(0.002)
            error = check_error(await server.http.post(CHAT, json=ASK, headers=AUTHORIZED), 429)
            assert "2 concurrent_requests" in error["message"]
            gate.set()
        assert statuses == [200, 200]
        for _ in range(3):  # a client that left, an error: each gave its place back
            assert (await server.http.post(CHAT, json={}, headers=AUTHORIZED)).status_code == 400
        assert (await server.http.post(CHAT, json=ASK, headers=AUTHORIZED)).status_code == 200


async def test_a_client_that_left_holds_no_place() -> None:
    engine = ScriptedEngine(gates={1: anyio.Event()})
    async with served(engine, access=Access(SomeKeys(concurrent_requests=1))) as server:
        for _ in range(3):
            with anyio.fail_after(5):
                while True:
                    async with server.http.stream(
                        "POST", CHAT, json=ASK | {"stream": True}, headers=AUTHORIZED
                    ) as response:
                        if response.status_code == 200:
                            break
                    await anyio.sleep(0.01)  # the server notices a moment later that the one before left


async def test_bytes_are_counted_as_they_come() -> None:
    """Three MiB are too many; the fourth is never asked for."""
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(400):
            sent += 65536
            yield b" " * 65536
            await anyio.lowlevel.checkpoint()

    access = Access(SomeKeys(input_bytes_per_minute=3 * 2**20))
    headers = AUTHORIZED | {"content-type": "application/json"}
    async with served(ScriptedEngine(), access=access) as server:
        response = await server.http.post(CHAT, content=body(), headers=headers)
        assert "input_bytes_per_minute" in check_error(response, 429)["message"]
        assert int(response.headers["retry-after"]) <= 60
        # In debt now: not even a small one is read.
        check_error(await server.http.post(CHAT, json=ASK, headers=AUTHORIZED), 429)
    assert server.engine.requests == []


async def test_small_bodies_add_up() -> None:
    access = Access(SomeKeys(input_bytes_per_minute=1000))
    async with served(ScriptedEngine(), access=access) as server:
        body = ASK | {"user": "x" * 300}
        statuses = [(await server.http.post(CHAT, json=body, headers=AUTHORIZED)).status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]


async def test_speech_is_charged_where_it_is_made() -> None:
    """An answer goes on to its end; the next one waits until the debt is worked off. Text is no speech."""
    voice = quick_voice(seconds_per_char=0.1)
    access = Access(SomeKeys(audio_seconds_per_minute=2))
    async with served(ScriptedEngine(["This is more than twenty letters long."]), voice, access=access) as server:
        for stream in (False, True):
            answer = await server.http.post(CHAT, json=SPOKEN | {"stream": stream}, headers=AUTHORIZED)
            error = None if answer.status_code == 200 else check_error(answer, 429)
            assert (error is None) == (not stream)
        assert error is not None
        assert "audio_seconds_per_minute" in error["message"]
        assert int(answer.headers["retry-after"]) > 30
        assert (await server.http.post(CHAT, json=ASK, headers=AUTHORIZED)).status_code == 200
    assert len(voice.said) == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_listener_who_leaves_pays_for_what_was_made(stream: bool) -> None:
    voice = quick_voice(seconds_per_char=0.1, gate=anyio.Event(), gate_after=12)
    ledger = MemoryLedger()
    access = Access(SomeKeys(audio_seconds_per_minute=600), ledger)
    async with served(ScriptedEngine(["This is more than twenty letters long."]), voice, access=access) as server:
        if stream:
            async with server.http.stream("POST", CHAT, json=SPOKEN | {"stream": True}, headers=AUTHORIZED) as response:
                sounds = 0
                async for line in response.aiter_lines():
                    sounds += '"data":' in line
                    if sounds == 10:
                        break
        else:
            with pytest.raises(httpx.ReadTimeout):
                await server.http.post(CHAT, json=SPOKEN, headers=AUTHORIZED, timeout=1)
        account, remaining = account_of(digest_of(SECRET.encode())), 600.0
        with anyio.fail_after(5):
            while remaining == 600:
                taking = await ledger.take(account, [Draw("audio_seconds_per_minute", 600, 0)])
                remaining = taking.standings[0].remaining
                await anyio.lowlevel.checkpoint()
    assert 598 < remaining < 599.5


async def test_a_ledger_that_is_gone_lets_nobody_in_but_those_without_limits() -> None:
    class Broken(MemoryLedger):
        async def take(self, account: str, draws: Sequence[Draw], lease: Lease | None = None) -> Taking:
            raise LedgerError("gone")

    async with served(ScriptedEngine(), access=Access(SomeKeys(requests_per_minute=5), Broken())) as server:
        error = check_error(await server.http.post(CHAT, json=ASK, headers=AUTHORIZED), 503)
        assert error["code"] == "limits_unavailable"
    async with served(ScriptedEngine(), access=Access(SomeKeys(), Broken())) as server:
        assert (await server.http.post(CHAT, json=ASK, headers=AUTHORIZED)).status_code == 200


async def test_a_ledger_that_goes_while_a_form_comes_in_is_not_the_forms_fault() -> None:
    access = Access(SomeKeys(input_bytes_per_minute=2**30), Unchargeable())
    async with served(ScriptedEngine(), access=access) as server:
        files = {"file": ("a.wav", bytes(2**21))}
        answer = await server.http.post("/v1/audio/transcriptions", headers=AUTHORIZED, files=files)
        assert check_error(answer, 503)["code"] == "limits_unavailable"


async def test_a_redis_that_goes_in_the_middle_cuts_no_answer() -> None:
    server = ExitStack()
    async with connected(server.enter_context(redis_server()).url) as redis:
        allowance = Allowance(RedisLedger(redis), "anna", Quota(audio_seconds_per_minute=60, concurrent_requests=1))
        async with allowance.entered("concurrent_requests"):
            server.close()
            await allowance.spoke(30)
            with pytest.raises(LedgerError):
                await allowance.check_speech()


async def test_a_place_is_given_back_although_nothing_can_be_charged() -> None:
    ledger, quota = Unchargeable(), Quota(concurrent_requests=1, input_bytes_per_minute=100)
    for _ in range(2):
        allowance = Allowance(ledger, "anna", quota)
        async with allowance.entered("concurrent_requests"):
            await allowance.read(10)


async def test_sessions_are_counted_apart() -> None:
    allowances = [Allowance(ledger, "anna", Quota(concurrent_sessions=1)) for ledger in [MemoryLedger()] * 2]
    async with allowances[0].entered("concurrent_sessions"):
        async with allowances[1].entered("concurrent_requests"):
            pass
        with pytest.raises(LimitError, match="1 concurrent_sessions"):
            async with allowances[1].entered("concurrent_sessions"):
                pass
    async with allowances[1].entered("concurrent_sessions"):
        pass
