"""Voices of any server that speaks OpenAI's `POST /v1/audio/speech`, such as vLLM-Omni with Fun-CosyVoice3.

Knows the request and the raw samples that come back, no model. A text is read as the server reads it: neither language
nor seed is among what such servers take.
"""

from __future__ import annotations

import json
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpcore

from tts.recorded import Recorded
from tts.voice import WIRE_RATE, VoiceError

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0
"""Between two pieces of an answer. A speaker's patience is shorter; this bounds what nobody else watches."""
_KEPT_SECONDS = 30.0
"""An idle connection's life: the next unit of a conversation should not wait for a new one."""
_SHOWN = 200
"""Characters of a refusal that are passed on."""
_SAMPLES = ("audio/", "application/octet-stream")
"""How a content type begins whose body may be played."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a speech server is, and how it is asked.

    Args:
        url: what OpenAI's SDKs would get as base URL; `/v1` at its end may be left out.
        model: its name for the model; None leaves the choice to the server.
        key: sent as a bearer token.
        sample_rate: Hz of its `pcm`. OpenAI's is 24,000.
        slots: units that it speaks at a time, over all of its voices.
        fields: more fields of every request, such as `instructions`. They win over ours.

    Raises:
        ValueError: `url` is no http or https address, or `fields` would change what comes back.
    """

    url: str
    model: str | None = None
    key: str | None = None
    sample_rate: int = WIRE_RATE
    slots: int = 4
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ValueError(f"{self.url!r} is not the address of a speech server")
        if fixed := {"input", "response_format"} & self.fields.keys():
            raise ValueError(f"{', '.join(sorted(fixed))} cannot be set for a speech server")

    def path(self, path: str) -> str:
        """The URL of one of its routes."""
        return f"{self.url.rstrip('/').removesuffix('/v1')}/v1/{path}"


class SpeechServer:
    """The connections to one server, which its voices share. Whoever made it closes it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=address.slots,
            keepalive_expiry=_KEPT_SECONDS,
        )

    async def close(self) -> None:
        """Close the connections; answers under way fail. Safe to call twice."""
        await self._pool.aclose()

    async def check(self) -> None:
        """Return if the server is there. One that has no list of models is, too.

        Raises:
            VoiceError: nobody answers, the key is refused, or the server is not well.
        """
        async with self._answer("GET", "models") as response:
            if response.status in (401, 403) or response.status >= 500:
                raise await _refusal(response)

    async def speak(self, fields: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """Samples as they come, in pieces of any size. Closing the generator closes the connection at once.

        Raises:
            VoiceError: the server refuses, or its answer ends early.
        """
        asked = {"response_format": "pcm", **fields, **self.address.fields}
        async with self._answer("POST", "audio/speech", json.dumps(asked).encode()) as response:
            if response.status != 200 or not _header(response, b"content-type").startswith(_SAMPLES):
                raise await _refusal(response)
            async for piece in response.aiter_stream():
                yield piece

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: bytes | None = None
    ) -> AsyncGenerator[httpcore.Response, None]:
        headers = [("User-Agent", "ola-serve"), ("Accept-Encoding", "identity"), ("Content-Type", "application/json")]
        if self.address.key is not None:
            headers.append(("Authorization", f"Bearer {self.address.key}"))
        waits = {"connect": _CONNECT_SECONDS, "read": _READ_SECONDS, "write": _READ_SECONDS, "pool": _READ_SECONDS}
        url = self.address.path(path)
        with _voice_errors(url):
            async with self._pool.stream(
                method, url, headers=headers, content=body, extensions={"timeout": waits}
            ) as response:
                yield response


class RemoteVoice:
    """One voice of a speech server. Implements `tts.voice.Voice`."""

    languages: tuple[str, ...] = ()  # only the server knows

    def __init__(self, name: str, server: SpeechServer, fields: Mapping[str, Any]) -> None:
        """`fields` name the voice in every request, for example `{"voice": "alloy"}`."""
        self.name, self.sample_rate, self.slots = name, server.address.sample_rate, server.address.slots
        self.place = self._server = server
        self._fields = fields
        # As far as the server does; the operator's own would win.
        self.follows_instructions = "instructions" not in server.address.fields

    async def start(self) -> None:
        """Check that the server is there."""
        await self._server.check()

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0, instructions: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """See `tts.voice.InstructedVoice`. The server chooses the language by the text, and its samples as it likes."""
        if not text.strip():
            return
        model = self._server.address.model
        # vLLM-Omni sends sound as it is made only if asked for, and then at no other speed.
        manner = {"stream_format": "audio"} if speed == 1.0 else {"speed": speed}
        told = {"instructions": instructions} if instructions else {}
        asked = {"input": text} | ({} if model is None else {"model": model}) | dict(self._fields) | manner | told
        half, heard = b"", False
        async with aclosing(self._server.speak(asked)) as pieces:
            async for piece in pieces:
                data = half + piece
                whole, half = data[: len(data) & ~1], data[len(data) & ~1 :]
                if whole:
                    heard = True
                    yield whole
        if half:
            raise VoiceError("The speech server's answer ends inside a sample.")
        if not heard and any(character.isalnum() for character in text):
            raise VoiceError("The speech server's answer holds no sound.")

    async def close(self) -> None:
        """Nothing: the connections are the server's, and other voices may use them."""


class RemoteImitator:
    """A speech server that takes a recording with each text, as vLLM-Omni does. A `tts.recorded.Imitator`."""

    def __init__(self, server: SpeechServer) -> None:
        self._server = server

    def imitate(self, recorded: Recorded) -> RemoteVoice:
        """See `tts.recorded.Imitator`."""
        recording = f"data:audio/wav;base64,{b64encode(recorded.recording).decode()}"
        return RemoteVoice(recorded.name, self._server, {"ref_audio": recording, "ref_text": recorded.transcript})


async def _refusal(response: httpcore.Response) -> VoiceError:
    body = b""
    async for piece in response.aiter_stream():
        body += piece
        if len(body) > 4 * _SHOWN:  # UTF-8 takes no more for a character
            break
    reason = " ".join(body.decode(errors="replace").split())[:_SHOWN]
    kind = _header(response, b"content-type") or "nothing"
    answered = f"with status {response.status}" if response.status != 200 else f"with {kind} instead of samples"
    return VoiceError(f"The speech server answered {answered}: {reason}")


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode(errors="replace") for key, value in response.headers if key.lower() == name), "")


@contextmanager
def _voice_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise VoiceError(f"The speech server at {url} does not answer: {reason}.") from error
