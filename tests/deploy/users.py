"""Users of a fleet that never stop asking, and take nothing but a whole answer."""

from __future__ import annotations

import json
from typing import Any

import anyio
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from loadtests.scripted import ANSWER
from tests.server.served import ASK, SPOKEN

Event = dict[str, Any]


class User:
    """Asks again and again."""

    def __init__(self) -> None:
        self.rounds = 0
        self._news = anyio.Event()

    async def run(self) -> None:
        """Until cancelled. AssertionError or whatever the client raises: something was lost."""
        try:
            while True:
                await self.ask()
                self.rounds += 1
                self._news.set()
                self._news = anyio.Event()
        finally:
            with anyio.move_on_after(5, shield=True):
                await self.leave()

    async def ask(self) -> None: ...
    async def leave(self) -> None: ...

    async def until(self, rounds: int) -> None:
        """Return when it was answered so often."""
        while self.rounds < rounds:
            await self._news.wait()


class ChatUser(User):
    """Chats by the official SDK, which tries nothing twice."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._sdk = AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60)

    async def ask(self) -> None:
        """A whole answer, a streamed one, a spoken one."""
        whole = await self._sdk.chat.completions.create(**ASK)
        assert whole.choices[0].message.content == ANSWER
        for request in (ASK, SPOKEN):
            said, kept, finish = "", 0, None
            async for chunk in await self._sdk.chat.completions.create(**request, stream=True):
                choice = chunk.choices[0]
                audio = choice.delta.model_dump().get("audio") or {}
                said += (choice.delta.content or "") + (audio.get("transcript") or "")
                kept = audio.get("expires_at") or kept
                finish = choice.finish_reason or finish
            assert (said, finish, bool(kept)) == (ANSWER, "stop", request is SPOKEN)

    async def leave(self) -> None:
        await self._sdk.close()


class TalkingUser(User):
    """One voice session, which goes on elsewhere whenever its server is restarted. It asks when all was heard."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__()
        self._address = f"{url.replace('http', 'ws', 1)}/v1/realtime?model=ola-demo"
        self._name = name
        self._connection: ClientConnection | None = None
        self.moves = 0
        self.session_id = self._last = ""
        self._asked, self._answering, self._answered = "", False, False

    async def ask(self) -> None:
        """One question, one answer, on as many connections as it takes."""
        question = f"{self._name}_{self.rounds}"
        self._answering = self._answered = False
        while not self._answered:
            try:
                connection = self._connection or await self._join()
                await self._say_what_is_missing(connection, question)
                while not self._answered:
                    await self._hear(connection)
            except ConnectionClosed as end:
                if end.rcvd is None or (end.rcvd.code, end.rcvd.reason) != (1012, "server_restarting"):
                    raise
                self._connection, self.moves = None, self.moves + 1

    async def leave(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _join(self) -> ClientConnection:
        connection = await connect(self._address, max_size=None)
        created = json.loads(await connection.recv())
        await connection.recv()  # conversation.created
        if self.session_id:
            await self._say(connection, "session.resume", session_id=self.session_id, last_event_id=self._last)
            resumed = await self._hear(connection)
            assert resumed["type"] == "session.resumed", resumed
            assert resumed["missed"] is not None
            for _ in range(resumed["missed"]):
                await self._hear(connection)
        self.session_id = self.session_id or created["session"]["id"]
        self._connection = connection
        return connection

    async def _say_what_is_missing(self, connection: ClientConnection, question: str) -> None:
        if self._asked != question:
            content = [{"type": "input_text", "text": "Tell me a story."}]
            item = {"id": question, "type": "message", "role": "user", "content": content}
            await self._say(connection, "conversation.item.create", item=item)
        if not self._answering:
            await self._say(connection, "response.create")

    async def _say(self, connection: ClientConnection, kind: str, **fields: Any) -> None:
        await connection.send(json.dumps({"type": kind, **fields}))

    async def _hear(self, connection: ClientConnection) -> Event:
        event: Event = json.loads(await connection.recv())
        if event["type"] == "error":  # the end of this connection, or the end of the test
            assert event["error"]["code"] == "server_restarting", event
            return event
        self._last = event["event_id"]
        match event["type"]:
            case "conversation.item.added" if event["item"]["role"] == "user":
                self._asked = event["item"]["id"]
            case "response.created":
                self._answering = True
            case "response.done":
                response = event["response"]
                assert response["status"] == "completed", response
                assert response["output"][0]["content"][0]["transcript"].strip() == ANSWER
            case "output_audio_buffer.stopped":
                self._answered = True
        return event
