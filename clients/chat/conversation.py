"""One conversation over chat completions: what was said, and how the next answer comes. It prints and plays nothing."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from clients.attachments import Part

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletionChunk

Message = dict[str, Any]


class Listener(Protocol):
    """Who gets an answer while it comes."""

    def read(self, text: str) -> None: ...

    def hear(self, sound: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Manner:
    """How answers are asked for. Without a sound format they are not spoken; what is None is the server's to choose."""

    model: str
    voice: str | None = None
    sound_format: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None

    def fields(self) -> dict[str, Any]:
        """The request's, beside its messages."""
        fields: dict[str, Any] = {"model": self.model}
        if self.sound_format:
            audio = {"format": self.sound_format, "voice": self.voice or "default"}
            fields |= {"modalities": ["text", "audio"], "audio": audio}
        if self.temperature is not None:
            fields["temperature"] = self.temperature
        if self.max_tokens is not None:
            fields["max_completion_tokens"] = self.max_tokens
        return fields


@dataclass(slots=True)
class Answer:
    """What has come of an answer. Seconds are since it was asked for."""

    asked: float = field(default_factory=perf_counter)
    text: str = ""
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    first_text: float | None = None
    first_sound: float | None = None
    seconds: float = 0.0

    def take(self, chunk: ChatCompletionChunk, listener: Listener) -> None:
        """The next chunk of the stream."""
        self.usage = chunk.usage.model_dump(exclude_none=True) if chunk.usage else self.usage
        for choice in chunk.choices:
            self.finish_reason = choice.finish_reason or self.finish_reason
            audio = choice.delta.audio
            if text := choice.delta.content or (audio and audio.transcript):
                self.first_text = self.first_text or self._since()
                self.text += text
                listener.read(text)
            if audio and audio.data:
                self.first_sound = self.first_sound or self._since()
                listener.hear(b64decode(audio.data))
        self.seconds = self._since()

    def _since(self) -> float:
        return perf_counter() - self.asked


class Conversation:
    """Asks, and remembers what was said."""

    def __init__(self, sdk: OpenAI, messages: list[Message]) -> None:
        """Goes on from `messages`."""
        self._sdk = sdk
        self.messages = messages

    def ask(self, content: list[Part], manner: Manner, listener: Listener) -> Answer:
        """One answer to a message of the user's. An exception out of the listener ends it, Ctrl-C too; what had come of
        it until then stays in the conversation. A question that got no word leaves the conversation again.

        Raises:
            openai.OpenAIError: it was refused, or it broke off.
        """
        self.messages.append({"role": "user", "content": content})
        messages: Any = self.messages
        answer = Answer()
        try:
            with self._sdk.chat.completions.create(
                messages=messages, stream=True, stream_options={"include_usage": True}, **manner.fields()
            ) as stream:
                for chunk in stream:
                    answer.take(chunk, listener)
        finally:
            if answer.text:
                self.messages.append({"role": "assistant", "content": answer.text})
            else:
                self.messages.pop()
        return answer
