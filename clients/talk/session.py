"""One voice session: the user's sound goes out, the answers come in, and whoever is interrupted falls silent."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from clients.ending import ClientError, complain
from clients.talk.dialogue import Dialogue
from clients.talk.keys import keys
from clients.talk.showing import Shown

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import AsyncRealtimeConnection

_OURS = "interrupted-by-key"
"""Begins the ids of events that may come too late, when the answer has just ended: then there is nothing to say."""


@contextmanager
def _ending() -> Iterator[None]:
    """A connection that is lost has a reason."""
    from websockets.exceptions import ConnectionClosed

    try:
        yield
    except ConnectionClosed as error:
        raise ClientError(f"the server ended the session: {error}") from None


class Mouth(Protocol):
    """Where the user's sound comes from."""

    def sound(self, dialogue: Dialogue, ear: Any) -> AsyncGenerator[bytes, None]: ...

    def spoken_at(self, millisecond: int) -> float: ...


class Ear(Protocol):
    """Where the answers are heard."""

    def play(self, pcm: bytes) -> None: ...

    def drop(self) -> float: ...

    def left(self) -> float: ...


class Session:
    """Runs over a connection of the SDK's."""

    def __init__(self, connection: AsyncRealtimeConnection, mouth: Mouth, ear: Ear, shown: Shown) -> None:
        self._connection, self._mouth, self._ear, self._shown = connection, mouth, ear, shown
        self._dialogue = Dialogue(mouth.spoken_at)

    async def run(self, settings: dict[str, Any], greeting: str | None) -> None:
        """Talk until the mouth has nothing more to say, or `q` is pressed. `greeting`: what is asked in writing first.
        Cancelling it falls silent.

        Raises:
            ClientError: the server refused `settings`, or ended the session.
        """
        session: Any = {"type": "realtime", **settings}
        await self._connection.session.update(session=session)
        await self._agreed()
        if greeting is not None:
            part: Any = {"type": "input_text", "text": greeting}
            await self._connection.conversation.item.create(item={"type": "message", "role": "user", "content": [part]})
            await self._connection.response.create()
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen, name="listen")
            group.start_soon(self._watch_keys, group.cancel_scope, name="keys")
            await self._speak()
            group.cancel_scope.cancel()

    async def _agreed(self) -> None:
        """Wait until the settings are in force."""
        async for event in self._connection:
            if event.type == "session.updated":
                return
            if event.type == "error":
                raise ClientError(event.error.message)
        raise ClientError("the server ended the session")

    async def _speak(self) -> None:
        async with aclosing(self._mouth.sound(self._dialogue, self._ear)) as sound:
            async for pcm in sound:
                with _ending():
                    await self._connection.input_audio_buffer.append(audio=b64encode(pcm).decode())

    async def _listen(self) -> None:
        with _ending():
            await self._hear()

    async def _hear(self) -> None:
        async for event in self._connection:
            if event.type == "response.output_audio.delta":
                self._ear.play(self._dialogue.sound(event, anyio.current_time()))
            elif event.type == "error":
                if not (event.error.event_id or "").startswith(_OURS):
                    complain("talk", event.error.message)
            else:
                if event.type == "input_audio_buffer.speech_started":
                    self._dialogue.interrupt(self._ear.drop())
                self._shown.show(self._dialogue.feed(event))
        raise ClientError("the server ended the session")  # in good order, such as when it is stopped

    async def _watch_keys(self, scope: anyio.CancelScope) -> None:
        async with aclosing(keys()) as pressed:
            async for key in pressed:
                if key == "q":
                    scope.cancel()
                else:
                    await self._interrupt()

    async def _interrupt(self) -> None:
        """Whoever answers falls silent, and the server learns how far it was heard."""
        turn = self._dialogue.interrupt(self._ear.drop())
        if turn is None:
            return
        if not turn.status:
            await self._connection.response.cancel(event_id=f"{_OURS}-cancel")
        if turn.answer_id:
            await self._connection.conversation.item.truncate(
                item_id=turn.answer_id,
                content_index=0,
                audio_end_ms=round(1000 * (turn.interrupted or 0.0)),
                event_id=f"{_OURS}-truncate",
            )
