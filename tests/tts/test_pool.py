"""Who gets a slot, and who is refused."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from tests.scripted_voice import ScriptedVoice
from tts.pool import BusyError, Places, Pool, Worker

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that the test turns."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def pool(workers: int = 1, slots: int = 1) -> tuple[Pool, Clock]:
    clock = Clock()
    return Pool([ScriptedVoice(slots=slots) for _ in range(workers)], clock), clock


async def test_the_earliest_deadline_goes_first() -> None:
    workers, _ = pool()
    worker, order = await workers.acquire(0.0), []

    async def want(deadline: float) -> None:
        mine = await workers.acquire(deadline)
        order.append(deadline)
        workers.release(mine)

    async with anyio.create_task_group() as group:
        for deadline in (3.0, 1.0, 2.0, 1.5):
            group.start_soon(want, deadline)
        await anyio.wait_all_tasks_blocked()
        assert order == []
        workers.release(worker)
    assert order == [1.0, 1.5, 2.0, 3.0]
    assert workers.busy == 0


async def test_slots_are_spread_over_workers_and_bounded() -> None:
    workers, _ = pool(workers=2, slots=2)
    taken = [await workers.acquire(0.0) for _ in range(4)]
    assert {id(worker) for worker in taken[:2]} == {id(worker) for worker in taken[2:]}
    assert taken[0] is not taken[1]
    with anyio.move_on_after(0.01) as scope:
        await workers.acquire(0.0)
    assert scope.cancelled_caught
    assert workers.busy == 4
    for worker in taken:
        workers.release(worker)
    assert workers.busy == 0


async def test_a_cancelled_wait_takes_no_slot_even_if_it_was_just_granted() -> None:
    workers, _ = pool()
    worker = await workers.acquire(0.0)

    async def want() -> None:
        mine = await workers.acquire(1.0)
        try:
            await anyio.sleep_forever()
        finally:
            workers.release(mine)

    async with anyio.create_task_group() as group:
        group.start_soon(want)
        group.start_soon(want)
        await anyio.wait_all_tasks_blocked()
        workers.release(worker)
        group.cancel_scope.cancel()
    assert workers.busy == 0
    with anyio.fail_after(1):
        workers.release(await workers.acquire(0.0))


async def test_a_unit_that_failed_goes_elsewhere() -> None:
    workers, _ = pool(workers=2)
    first = await workers.acquire(0.0)
    assert await workers.exchange(first, 0.0) is not first
    assert workers.busy == 1


async def test_the_only_worker_is_asked_again_before_what_is_less_urgent() -> None:
    workers, _ = pool()
    only = await workers.acquire(0.0)
    async with anyio.create_task_group() as group:
        group.start_soon(workers.acquire, 1.0)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(1):
            assert await workers.exchange(only, 0.0) is only
        group.cancel_scope.cancel()
    assert workers.busy == 1


async def test_a_worker_that_failed_rests() -> None:
    workers, clock = pool(workers=2)
    bad = await workers.acquire(0.0)
    workers.release(bad, failed=True)
    for _ in range(3):
        good = await workers.acquire(0.0)
        assert good is not bad
        workers.release(good)
    clock.now += 11
    both: set[Worker] = {await workers.acquire(0.0), await workers.acquire(0.0)}
    assert bad in both


def measured(workers: int, slots: int) -> Pool:
    """A pool whose units take half a second of a slot for two seconds of sound, the first sound 0.2 s."""
    all_workers, _ = pool(workers, slots)
    all_workers.pace.learn(first_sound=0.2, unit_seconds=0.5, audio_seconds=2.0, letters=30)
    return all_workers


def test_the_pace() -> None:
    pace = measured(1, 1).pace
    assert pace.real_time_factor == 0.25
    assert pace.seconds_of(60, unknown=15) == 4.0
    for _ in range(50):
        pace.learn(first_sound=0.1, unit_seconds=1.0, audio_seconds=2.0, letters=30)
    assert pace.first_sound == pytest.approx(0.1, rel=0.01)
    assert pace.real_time_factor == pytest.approx(0.5, rel=0.01)


def test_an_unknown_pace_refuses_nobody() -> None:
    workers, _ = pool()
    assert workers.predicted() == 0.0
    with workers.expect(), workers.expect():
        workers.admit(0.0)
    assert workers.pace.seconds_of(30, unknown=15) == 2.0


def test_the_prediction_grows_with_the_answers_that_are_still_silent() -> None:
    workers = measured(2, 2)
    assert workers.predicted() == pytest.approx(0.2)
    with workers.expect(), workers.expect(), workers.expect():
        assert workers.predicted() == pytest.approx(0.2)
        with workers.expect() as sounds:
            assert workers.predicted() == pytest.approx(0.2 + 0.5 / 4)
            sounds()
            sounds()
            assert workers.predicted() == pytest.approx(0.2)
    assert workers.predicted() == pytest.approx(0.2)


async def test_late_units_of_others_count() -> None:
    workers = measured(1, 1)
    worker = await workers.acquire(0.0)
    assert workers.predicted() == pytest.approx(0.7)
    async with anyio.create_task_group() as group:
        group.start_soon(workers.acquire, 50.0)  # should have been heard long ago
        group.start_soon(workers.acquire, 500.0)  # has time
        await anyio.wait_all_tasks_blocked()
        assert workers.predicted() == pytest.approx(1.2)
        group.cancel_scope.cancel()
    workers.release(worker)


def test_an_answer_that_would_wait_too_long_is_refused() -> None:
    workers = measured(1, 1)
    with workers.expect(), workers.expect(), workers.expect():
        workers.admit(2.0)
        with pytest.raises(BusyError, match=r"1\.7 s") as refused:
            workers.admit(1.0)
    assert refused.value.predicted == pytest.approx(1.7)
    assert refused.value.retry_after == 1.0
    workers.admit(0.0)  # a slow voice alone is no reason


async def test_how_long_a_unit_would_wait_for_a_slot() -> None:
    workers = measured(2, 1)
    one = await workers.acquire(0.0)
    assert not workers.full
    assert workers.wait(100.0) == 0.0
    two = await workers.acquire(0.0)
    assert workers.full
    assert workers.wait(100.0) == pytest.approx(0.25)  # half of a unit, as far as is known
    async with anyio.create_task_group() as group:
        for deadline in (101.0, 102.0):
            group.start_soon(lambda deadline=deadline: workers.acquire(deadline, letters=60))
        await anyio.wait_all_tasks_blocked()
        assert workers.wait(101.0) == pytest.approx(0.25)
        assert workers.wait(101.5) == pytest.approx(0.25 + 1.0 / 2)
        assert workers.wait(200.0) == pytest.approx(0.25 + 2.0 / 2)
        group.cancel_scope.cancel()
    workers.release(one)
    workers.release(two)


# Voices in one place


class Sharing(ScriptedVoice):
    """A voice in a place that others may share."""

    def __init__(self, name: str, place: object, slots: int = 1) -> None:
        super().__init__(name, slots=slots)
        self.place = place


def neighbours(slots: int = 1) -> tuple[Pool, Pool, Places]:
    places, clock = Places(), Clock()
    anna, bert = (Pool([Sharing(name, "here", slots)], clock, places) for name in ("anna", "bert"))
    return anna, bert, places


async def test_voices_in_one_place_share_its_slots() -> None:
    anna, bert, _ = neighbours(slots=2)
    first, second = await anna.acquire(0.0), await bert.acquire(0.0)
    assert (anna.busy, bert.busy, anna.full, bert.full) == (2, 2, True, True)
    with anyio.move_on_after(0.01) as scope:
        await anna.acquire(0.0)
    assert scope.cancelled_caught
    anna.release(first)
    bert.release(second)
    assert (anna.busy, bert.busy) == (0, 0)


async def test_a_slot_goes_to_the_earliest_deadline_of_all_voices_there() -> None:
    anna, bert, _ = neighbours()
    worker, order = await anna.acquire(0.0), list[str]()

    async def wait(pool: Pool, deadline: float) -> None:
        got = await pool.acquire(deadline)
        order.append(f"{pool.name} {deadline:.0f}")
        await anyio.lowlevel.checkpoint()
        pool.release(got)

    async with anyio.create_task_group() as group:
        for pool, deadline in ((anna, 4.0), (bert, 3.0), (bert, 1.0), (anna, 2.0)):
            group.start_soon(wait, pool, deadline)
        await anyio.wait_all_tasks_blocked()
        anna.release(worker)
    assert order == ["bert 1", "anna 2", "bert 3", "anna 4"]


async def test_answers_with_other_voices_of_the_place_count() -> None:
    anna, bert, _ = neighbours()
    for pool in (anna, bert):
        pool.pace.learn(first_sound=0.5, unit_seconds=2.0, audio_seconds=2.0, letters=20)
    with bert.expect():
        assert anna.predicted() == pytest.approx(2.5)
        with pytest.raises(BusyError):
            anna.admit(1.0)
    anna.admit(1.0)
    worker = await bert.acquire(0.0)
    async with anyio.create_task_group() as group:
        group.start_soon(bert.acquire, 1.0)
        await anyio.wait_all_tasks_blocked()
        assert anna.wait(2.0) == pytest.approx(1.0 + bert.pace.work_of(0))
        group.cancel_scope.cancel()
    bert.release(worker)


async def test_voices_elsewhere_have_slots_of_their_own() -> None:
    places = Places()
    anna, bert = (Pool([Sharing(name, name)], Clock(), places) for name in ("anna", "bert"))
    await anna.acquire(0.0)
    assert not bert.full
    carl, dora = (Pool([ScriptedVoice(slots=1)], Clock(), places) for _ in range(2))
    await carl.acquire(0.0)
    assert not dora.full


async def test_a_place_is_forgotten_with_its_last_pool() -> None:
    anna, bert, places = neighbours()
    worker = await bert.acquire(0.0)
    anna.close()
    anna.close()
    bert.release(worker)
    bert.close()
    assert not places._slots
