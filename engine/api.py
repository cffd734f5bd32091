"""The seam between the gateway and an engine: attachments in, chat completions out.

Nothing here knows vLLM. `engine.client.VllmEngine` implements `Engine`; tests use a scripted one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
"""Rate of every `Sound`, in Hz (docs/reference.md, 5)."""

VIDEO_FRAMES = 64
"""Frames sampled from every video, duplicates included (docs/reference.md, 4)."""

CHUNK_SECONDS = 30
"""What the encoders hear in one pass (docs/reference.md, 5)."""

MAX_SOUND_SECONDS = 25 * CHUNK_SECONDS
"""The model hears 25 chunks of 30 s and nothing after them (docs/reference.md, 5)."""


Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Fit:
    """To what an engine scales a large picture first of all, so that it need not be held at full size until then:
    `area` pixels at most, both sides floored to multiples of `cell`, with Pillow's default filter."""

    area: int
    cell: int

    def scales(self, size: Size) -> bool:
        """Whether a picture of `size` can be scaled outside the engine: not if a side would be less than a cell."""
        return size[0] * size[1] > self.area and min(self._floored(size)) > 0

    def size(self, size: Size) -> Size:
        """What becomes of `size`."""
        return self._floored(size) if self.scales(size) else size

    def _floored(self, size: Size) -> Size:
        scale = sqrt(self.area / (size[0] * size[1]))
        return self.cell * int(size[0] * scale / self.cell), self.cell * int(size[1] * scale / self.cell)


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """One picture: uint8 RGB `[height, width, 3]`, upright, transparency already composited."""

    pixels: npt.NDArray[np.uint8]
    digest: str
    """Hash of the attached bytes; the engine's caches are keyed by it."""


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """The sampled frames of one video: uint8 RGB `[VIDEO_FRAMES, height, width, 3]`, without its sound."""

    frames: npt.NDArray[np.uint8]
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """One recording: float32 mono at `SAMPLE_RATE`, `[samples]` in [-1, 1]."""

    samples: npt.NDArray[np.float32]
    digest: str


Attachment = Image | Video | Sound

Listening = Literal["transcribe", "translate"]

_LISTENING: dict[Listening, str] = {
    "transcribe": "Please give the ASR results of the given speech.",
    "translate": "Please translate the given speech into English.",
}
"""The first is the paper's prompt (Ola, arXiv 2502.04328); it has none for the second."""


ANSWER_SPEECH = "Please directly answer the questions in the user's speech."
"""The paper's prompt behind a question that is only heard."""


def listening_prompt(task: Listening, language: str | None = None, hint: str = "") -> str:
    """What stands behind a recording whose words are wanted.

    `language` is the English name of what is spoken; English, the language of the prompt, need not be said. `hint` is
    the client's own text: words that may occur, or how to write.
    """
    prompt = _LISTENING[task]
    if language is not None and language != "English":
        prompt += f" The speech is in {language}."
    return f"{prompt}\n{hint}" if hint else prompt


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as requests name it."""

    name: str
    created: int
    """Unix time in seconds."""
    max_tokens: int | None
    """Prompt and answer together; None: not limited."""


class EngineError(Exception):
    """The engine refused or failed a request. `status` is an HTTP status, the rest fills OpenAI's error object."""

    def __init__(
        self, message: str, *, status: int = 400, type: str = "invalid_request_error", param: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.type, self.param = message, status, type, param


class Engine(Protocol):
    """A chat model. `request` is a chat completion body in OpenAI's form with vLLM's extra fields, in which attachment
    parts are already decoded: an entry of a message's content list is a text part or an `Attachment`."""

    modalities: frozenset[str]
    """What it takes besides text, out of "image", "video" and "audio"."""

    fits: Mapping[str, Fit]
    """How it scales a large "image" and the frames of a large "video"; silent on what it does not scale."""

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer whole: a `chat.completion` object. Cancelling it aborts the request in the engine.

        Raises:
            EngineError: the request is refused (unknown model, too long, bad parameter) or the engine died.
        """
        ...

    def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Answer as server-sent events: each item is one complete event (`data: {...}\\n\\n`), the last `data: [DONE]`.

        Closing the generator aborts the request in the engine at once.

        Raises:
            EngineError: before the first event, as in `chat`. Later failures arrive as an event holding an `error`.
        """
        ...

    async def respond(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer whole: a `response` object. `request` is a body of OpenAI's Responses API in which messages among the
        input items have the form of `chat`. Otherwise like `chat`."""
        ...

    def stream_response(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Answer as server-sent events (`event: ...\ndata: {...}\n\n`) of that API. Otherwise like `stream_chat`, but
        later failures arrive as an `error` event, and no `[DONE]` ends the stream."""
        ...

    async def models(self) -> list[ServedModel]:
        """What `model` may name in a request. Paths on the server's disk are understood, but not told."""
        ...

    async def check(self) -> None:
        """Return if the engine is alive. Raises EngineError (503) if it is not."""
        ...

    async def running(self) -> int:
        """Requests that the engine itself still holds, waiting or running."""
        ...
