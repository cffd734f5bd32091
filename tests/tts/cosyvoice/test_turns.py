"""The thread that runs CosyVoice, with jobs that only count."""

import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from itertools import count

import anyio
import pytest

from tts.voice import VoiceError
from tts.voices.cosyvoice.turns import Steps, Turns

pytestmark = pytest.mark.anyio


@pytest.fixture
def turns() -> Iterator[Turns]:
    turns = Turns("test-turns")
    yield turns
    turns.close()


def counting(log: list[str], name: str, until: int = 1_000_000, sound_every: int = 1) -> Steps:
    """Logs each of its steps, and its end."""
    try:
        for number in range(until):
            log.append(f"{name}{number}")
            yield b"%d" % number if number % sound_every == 0 else None
    finally:
        log.append(f"{name} over")


async def all_of(results: AsyncGenerator[bytes, None]) -> list[bytes]:
    return [result async for result in results]


async def settled(turns: Turns) -> None:
    """Wait until every other job has had a turn."""
    assert await all_of(turns.results(lambda: counting([], "", until=1))) == [b"0"]


async def test_results_come_in_order(turns: Turns) -> None:
    assert await all_of(turns.results(lambda: counting([], "a", 50, 3))) == [b"%d" % n for n in range(0, 50, 3)]
    assert turns.jobs == 0


async def test_jobs_take_turns(turns: Turns) -> None:
    log: list[str] = []
    begun = threading.Event()

    def first() -> Steps:
        begun.wait(60)  # until all are there
        yield from counting(log, "a", 20, 100)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(all_of, turns.results(first))
        tasks.start_soon(all_of, turns.results(lambda: counting(log, "b", 20, 100)))
        tasks.start_soon(all_of, turns.results(lambda: counting(log, "c", 20, 100)))
        await anyio.wait_all_tasks_blocked()
        begun.set()
    steps = [entry for entry in log if "over" not in entry]
    assert steps == [f"{name}{number}" for number in range(20) for name in "abc"]


async def test_a_job_whose_results_nobody_takes_gets_no_turns(turns: Turns) -> None:
    log: list[str] = []
    async with aclosing(turns.results(lambda: counting(log, "a"))) as results:
        assert await anext(results) == b"0"
        for _ in range(20):
            await settled(turns)
        assert len(log) <= 4
        assert await anext(results) == b"1"
    await settled(turns)
    assert log[-1] == "a over"


async def test_closing_ends_the_job_and_nothing_else(turns: Turns) -> None:
    log: list[str] = []
    other = turns.results(lambda: counting([], "b", 10))
    async with aclosing(other):
        assert await anext(other) == b"0"
        results = turns.results(lambda: counting(log, "a", sound_every=5))
        assert await anext(results) == b"0"
        await results.aclose()
        await settled(turns)
        assert log[-1] == "a over"
        assert [result async for result in other] == [b"%d" % n for n in range(1, 10)]


async def test_cancelling_ends_the_job(turns: Turns) -> None:
    log: list[str] = []
    begun = anyio.Event()

    async def take() -> None:
        async with aclosing(turns.results(lambda: counting(log, "a", sound_every=1_000_000))) as results:
            assert await anext(results) == b"0"
            begun.set()
            await anext(results)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await begun.wait()
        tasks.cancel_scope.cancel()
    await settled(turns)
    assert log[-1] == "a over"
    assert turns.jobs == 0


async def test_an_error_is_raised_where_somebody_waits(turns: Turns) -> None:
    def failing() -> Steps:
        yield b"sound"
        raise KeyError("hidden")

    results = turns.results(failing)
    assert await anext(results) == b"sound"
    with anyio.fail_after(10), pytest.raises(VoiceError, match="KeyError"):
        await anext(results)
    await settled(turns)
    assert turns.jobs == 0


async def test_an_error_while_a_job_is_ended_hurts_nobody(turns: Turns) -> None:
    def stubborn() -> Steps:
        try:
            for _ in count():
                yield b"sound"
        finally:
            raise RuntimeError("while ending")

    results = turns.results(stubborn)
    assert await anext(results) == b"sound"
    await results.aclose()
    await settled(turns)
    assert turns.jobs == 0


async def test_everything_runs_inside_the_context() -> None:
    log: list[str] = []

    @contextmanager
    def around() -> Iterator[None]:
        log.append("in")
        yield
        log.append("out")

    turns = Turns("test-turns", around)
    assert len(await all_of(turns.results(lambda: counting(log, "a", 1)))) == 1
    turns.close()
    assert log == ["in", "a0", "a over", "out"]


async def test_closing_the_thread_fails_what_is_in_flight() -> None:
    turns = Turns("test-turns")
    log: list[str] = []
    results = turns.results(lambda: counting(log, "a"))
    assert await anext(results) == b"0"
    turns.close()
    with pytest.raises(VoiceError, match="closed"):
        await all_of(results)
    assert log[-1] == "a over"
    with pytest.raises(VoiceError, match="closed"):
        await anext(turns.results(lambda: counting([], "b")))
    turns.close()
    assert "test-turns" not in {thread.name for thread in threading.enumerate()}


async def test_a_loop_that_is_gone_ends_its_jobs(turns: Turns) -> None:
    log: list[str] = []

    async def abandon() -> None:
        # Held by the log, so that nothing closes it.
        results = turns.results(lambda: counting(log, "a", sound_every=1_000))
        kept.append(results)
        assert await anext(results) == b"0"

    kept: list[AsyncGenerator[bytes, None]] = []
    await anyio.to_thread.run_sync(lambda: anyio.run(abandon))
    with anyio.fail_after(60):
        while turns.jobs:
            await settled(turns)
    assert log[-1] == "a over"
