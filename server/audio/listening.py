"""Segments of a recording put to the model: several at a time, their words in order. Knows no form of transcript."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from contextlib import closing as closed
from hashlib import sha256
from typing import Any

import anyio
from anyio.abc import TaskGroup

from engine.api import Engine, EngineError, Sound
from server.audio.segments import Segment
from server.chunks import Chunk, parse
from server.closing import closing
from tts.background import background

_AT_ONCE = 4
"""Segments with the model or waiting for earlier ones to be taken: more would only take turns from other requests."""
_TOKENS_AT_LEAST, _TOKENS_PER_SECOND = 32, 16
"""Beyond what anybody can say: a model that begins to repeat itself comes to an end."""


class _Hearing:
    """One segment with the model."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        # Bounded by the tokens of an answer.
        self.send, self.chunks = anyio.create_memory_object_stream[Chunk](math.inf)
        self.failure: Exception | None = None

    def close(self) -> None:
        self.send.close()
        self.chunks.close()


Heard = AsyncGenerator[tuple[Segment, Chunk], None]
"""Chunks of chat completions, each with the segment whose words it holds; the segments in order."""


@asynccontextmanager
async def listening(
    engine: Engine, asked: dict[str, Any], prompt: str, segments: AsyncIterator[Segment]
) -> AsyncGenerator[Heard, None]:
    """Have the model answer `prompt` about every segment, with the fields `asked` in each request.

    Leaving the block aborts what runs and takes no further segment. What `segments` or the engine raises comes out of
    the generator after everything that was heard before it.
    """
    with closed(_Listener(engine, asked, prompt)) as listener:
        async with background() as group, closing(listener.heard()) as heard:
            group.start_soon(listener.read, segments, group, name="segments")
            yield heard


class _Listener:
    def __init__(self, engine: Engine, asked: dict[str, Any], prompt: str) -> None:
        self._engine, self._asked, self._prompt = engine, asked, prompt
        self._begun, self._order = anyio.create_memory_object_stream[_Hearing](math.inf)
        self._room = anyio.Semaphore(_AT_ONCE)
        self._hearings: deque[_Hearing] = deque()
        """From the one whose words are handed out."""
        self._failure: Exception | None = None

    def close(self) -> None:
        """Let go of what nobody takes any more."""
        for hearing in self._hearings:
            hearing.close()
        self._begun.close()
        self._order.close()

    async def read(self, segments: AsyncIterator[Segment], group: TaskGroup) -> None:
        """Put segments to the model as long as there is room, each in a task of `group`."""
        with self._begun:
            try:
                async for segment in segments:
                    await self._room.acquire()
                    hearing = _Hearing(segment)
                    self._hearings.append(hearing)
                    self._begun.send_nowait(hearing)
                    group.start_soon(self._hear, hearing, name="segment")
            except Exception as error:
                self._failure = error

    async def heard(self) -> Heard:
        """What the model says of the segments, in their order."""
        async for hearing in self._order:
            async for chunk in hearing.chunks:
                yield hearing.segment, chunk
            self._hearings.popleft().close()
            self._room.release()
            if hearing.failure is not None:
                raise hearing.failure
        if self._failure is not None:
            raise self._failure

    async def _hear(self, hearing: _Hearing) -> None:
        with hearing.send:
            try:
                async with closing(self._engine.stream_chat(self._request(hearing.segment))) as events:
                    async for event in events:
                        if (chunk := parse(event)) is not None:
                            hearing.send.send_nowait(_checked(chunk))
            except Exception as error:
                hearing.failure = error

    def _request(self, segment: Segment) -> dict[str, Any]:
        samples = segment.samples
        sound = Sound(samples, sha256(b"segment:" + samples.tobytes()).hexdigest())
        content = [sound, {"type": "text", "text": self._prompt}]
        most = _TOKENS_AT_LEAST + round(_TOKENS_PER_SECOND * (segment.end - segment.start))
        return self._asked | {"messages": [{"role": "user", "content": content}], "max_tokens": most}


def _checked(chunk: Chunk) -> Chunk:
    if "error" in chunk:
        raise EngineError("The engine failed this request.", status=500, type="server_error")
    return chunk
