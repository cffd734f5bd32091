"""Tasks beside a block: whose exception comes out and how, and when they end."""

from __future__ import annotations

import anyio
import pytest

from tts.background import background

pytestmark = pytest.mark.anyio


class Ending:
    """A task that ends when it may, or is cancelled."""

    def __init__(self) -> None:
        self.may, self.began = anyio.Event(), anyio.Event()
        self.ended = self.cancelled = False

    async def run(self) -> None:
        self.began.set()
        try:
            await self.may.wait()
            self.ended = True
        except anyio.get_cancelled_exc_class():
            self.cancelled = True
            raise

    async def run_and_fail(self) -> None:
        await self.run()
        raise LookupError("task")


async def test_tasks_are_cancelled_at_the_end_of_the_block() -> None:
    task = Ending()
    with anyio.fail_after(5):
        async with background() as group:
            group.start_soon(task.run)
            await task.began.wait()
    assert task.cancelled


@pytest.mark.parametrize("linger", [0.0, 0.05])
async def test_what_the_block_raises_comes_out_as_it_is(linger: float) -> None:
    task, error = Ending(), ValueError("block")

    async def block() -> None:
        async with background(linger) as group:
            group.start_soon(task.run)
            await task.began.wait()
            raise error

    with anyio.fail_after(5), pytest.raises(ValueError, match="block") as raised:
        await block()
    assert raised.value is error
    assert task.cancelled


async def test_what_a_task_raises_ends_the_block_and_comes_out_as_a_group() -> None:
    task = Ending()
    task.may.set()

    async def block() -> None:
        async with background() as group:
            group.start_soon(task.run_and_fail)
            await anyio.sleep_forever()

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as raised:
        await block()
    assert raised.group_contains(LookupError, match="task", depth=1)


async def test_what_a_task_raises_goes_before_what_the_block_raises() -> None:
    task = Ending()

    async def block() -> None:
        async with background(linger=60) as group:
            group.start_soon(task.run_and_fail)
            task.may.set()
            raise ValueError("block")

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as raised:
        await block()
    assert raised.group_contains(LookupError, match="task", depth=1)


async def test_with_time_to_linger_a_task_ends_by_itself() -> None:
    task = Ending()
    with anyio.fail_after(5):
        async with background(linger=60) as group:
            group.start_soon(task.run)
            await task.began.wait()
            task.may.set()
    assert task.ended


async def test_the_time_to_linger_is_bounded() -> None:
    task, begun = Ending(), anyio.current_time()
    with anyio.fail_after(5):
        async with background(linger=0.2) as group:
            group.start_soon(task.run)
    assert task.cancelled
    assert anyio.current_time() - begun >= 0.2


async def test_who_is_cancelled_does_not_wait_for_tasks_that_linger() -> None:
    task = Ending()
    with anyio.fail_after(5), anyio.CancelScope() as scope:
        async with background(linger=60) as group:
            group.start_soon(task.run)
            await task.began.wait()
            scope.cancel()
            await anyio.sleep_forever()
    assert task.cancelled
