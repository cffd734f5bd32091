"""Two servers, a Redis and nginx: what one server knows the other knows, and a restart of both loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from anyio import to_thread

from loadtests.scripted import ANSWER
from tests.deploy.fleet import Fleet, fleet
from tests.deploy.users import ChatUser, TalkingUser
from tests.server.realtime.wire import calling
from tests.server.served import ASK, SPOKEN

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as servers:
        yield servers


async def test_an_answer_is_known_to_both(running: Fleet) -> None:
    first, second = (replica.url for replica in running.replicas)
    path = "/v1/chat/completions"
    async with httpx.AsyncClient(timeout=30) as http:
        spoken = (await http.post(first + path, json=SPOKEN)).json()["choices"][0]["message"]["audio"]
        assert spoken["transcript"] == ANSWER
        said: dict[str, Any] = {"role": "assistant", "audio": {"id": spoken["id"]}}
        again = ASK | {"messages": [*ASK["messages"], said, *ASK["messages"]]}
        answers = [await http.post(url + path, json=again) for url in (second, *[running.url] * 4)]
        assert [answer.status_code for answer in answers] == [200] * 5
        said["audio"]["id"] = "audio_" + "0" * 32
        assert (await http.post(second + path, json=again)).status_code == 400


async def test_a_session_goes_on_at_the_other(running: Fleet) -> None:
    first, second = (replica.url for replica in running.replicas)
    async with calling(first) as caller:
        await caller.write("Remember this.")
        item_id = (await caller.hear("conversation.item.done"))[-1]["item"]["id"]
    async with calling(second) as again:
        await again.say("session.resume", session_id=caller.session_id, last_event_id=caller.last_event_id)
        assert (await again.hear("session.resumed"))[-1]["session"]["id"] == caller.session_id
        await again.say("conversation.item.retrieve", item_id=item_id)
        item = (await again.hear("conversation.item.retrieved"))[-1]["item"]
        assert item["content"][0]["text"] == "Remember this."


async def test_restarted_one_after_the_other_under_load(running: Fleet) -> None:
    talking = [TalkingUser(running.url, f"talker_{number}") for number in range(3)]
    users = [*talking, *(ChatUser(running.url) for _ in range(5))]
    with anyio.fail_after(240):
        async with anyio.create_task_group() as group:
            for user in users:
                group.start_soon(user.run)
            for replica in running.replicas:
                for user in users:
                    await user.until(user.rounds + 1)
                assert await to_thread.run_sync(replica.stop) == 0
                for user in users:  # with one server
                    await user.until(user.rounds + 1)
                await to_thread.run_sync(replica.start)
            for user in users:
                await user.until(user.rounds + 1)
            group.cancel_scope.cancel()
    # Whoever was at a server that was stopped has moved, and both were.
    assert all(user.moves for user in talking)
