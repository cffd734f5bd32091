"""Clients that ask at the same time."""

from __future__ import annotations

import aiohttp
import anyio
import pytest

from loadtests.load import at_a_time

pytestmark = pytest.mark.anyio


async def test_all_clients_ask_at_once_and_nothing_that_they_made_is_lost() -> None:
    here: list[anyio.Event] = []

    async def client(_: aiohttp.ClientSession) -> list[int]:
        here.append(anyio.Event())
        if len(here) == 3:
            for waiting in here:
                waiting.set()
        number = len(here)
        with anyio.fail_after(5):
            await here[number - 1].wait()
        return [number, number]

    seconds, made = await at_a_time(3, client)
    assert sorted(made) == [1, 1, 2, 2, 3, 3]
    assert 0 < seconds < 5


async def test_a_client_that_fails_ends_the_others() -> None:
    begun = anyio.Event()

    async def client(_: aiohttp.ClientSession) -> list[int]:
        if begun.is_set():
            raise ZeroDivisionError
        begun.set()
        await anyio.sleep_forever()
        return []

    with pytest.raises(ExceptionGroup) as failed:
        await at_a_time(2, client)
    assert failed.group_contains(ZeroDivisionError)
