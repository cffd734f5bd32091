"""What a session is at a time: everything that `session.update` can change, in force. Frozen; no I/O.

`updates` makes the next one of it; here is what it is and how clients are told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from server.audio.transcription_form import LISTENING_MODELS
from server.errors import RequestError
from server.realtime.hearing.formats import PCM, SoundFormat
from server.realtime.turn_config import ServerVad, TurnConfig

Kind = Literal["realtime", "transcription"]
Modality = Literal["audio", "text"]
Json = dict[str, Any]

REALTIME_MODELS = re.compile(r"gpt-(4o-(mini-)?)?(realtime|audio)(-[\w.-]+)?")
"""OpenAI's, which programs name that were written for it; the served model answers."""

INSTRUCTIONS = "You are a helpful assistant."
"""Of a session that is given none: what the model was trained with (docs/reference.md, 1)."""

_TRANSCRIBERS = re.compile(rf"{LISTENING_MODELS.pattern}|gpt-live-transcribe|gpt-realtime-whisper")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server can do when it is asked."""

    models: tuple[str, ...]
    """The served ones; the first of them answers to the aliases."""
    voices: frozenset[str] | None
    """Every name that the speaker takes; None: this server has no voice."""
    aliases: re.Pattern[str] = REALTIME_MODELS
    """Names that are taken for the first model's."""
    hears: bool = True
    sees: bool = True
    watches: bool = True
    voice: str = "default"
    """The voice of sessions that name none."""
    max_tokens: int | None = None
    """What the model takes, with its answer; None: not limited."""

    def served(self, name: str, param: str) -> str:
        """The served model that `name` stands for.

        Raises:
            RequestError: there is none (404).
        """
        return self._served(name, self.aliases, param)

    def transcriber(self, name: str, param: str) -> str:
        """The same for who writes down the user's words."""
        return self._served(name, _TRANSCRIBERS, param)

    def _served(self, name: str, aliases: re.Pattern[str], param: str) -> str:
        if name in self.models:
            return name
        if aliases.fullmatch(name):
            return self.models[0]
        raise RequestError(f"The model {name!r} does not exist.", status=404, param=param, code="model_not_found")


@dataclass(frozen=True, slots=True)
class Transcription:
    """That the user's words are written down, beside the answer."""

    model: str | None = None
    """As the client named it; the served model listens."""
    language: str | None = None
    """ISO 639-1."""
    prompt: str = ""
    keywords: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """What `engine.api.listening_prompt` takes: how to write, and words that may occur."""
        words = f"Words that may occur: {', '.join(self.keywords)}." if self.keywords else ""
        return "\n".join(filter(None, (self.prompt, words)))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function of the client's that the model may call."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    """A JSON schema."""


@dataclass(frozen=True, slots=True)
class NamedTool:
    """The function that has to be called."""

    name: str


@dataclass(frozen=True, slots=True)
class Retention:
    """Once a conversation is too long, so much of it is forgotten that only a part remains."""

    ratio: float
    """Of what fits, what is kept; 0 to 1."""
    most_tokens: int | None = None
    """What fits, not counting the instructions; None: what the model takes."""


Truncation = Literal["auto", "disabled"] | Retention


@dataclass(frozen=True, slots=True)
class Extensions:
    """What OpenAI has no fields for; the key `ola` of a session (docs/realtime.md)."""

    pacing: Literal["realtime", "none"] = "realtime"
    """Whether sound is sent a fixed lead ahead of the listener, or as fast as it is made."""
    resume_interrupted: bool = False
    """Whether an answer goes on from where it was heard when nothing was said after all."""
    tool_filler: str | None = None
    """What is said while a tool runs."""


@dataclass(frozen=True, slots=True)
class Config:
    """One session, as it is in force. Of a transcription's, only the sound that comes in means anything."""

    kind: Kind
    model: str
    """As the client named it (`Facts.served`)."""
    modality: Modality
    voice: str | None
    """None: this server has none."""
    turn_detection: TurnConfig | None
    transcription: Transcription | None
    instructions: str = INSTRUCTIONS
    input_format: SoundFormat = PCM
    output_format: SoundFormat = PCM
    speed: float = 1.0
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none", "required"] | NamedTool = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    """None: as many as the model has room for."""
    truncation: Truncation = "auto"
    logprobs: bool = False
    """Of the words written down."""
    extensions: Extensions = Extensions()


@dataclass(frozen=True, slots=True)
class ResponseConfig:
    """What one response is; nothing of it outlives the response."""

    config: Config
    in_conversation: bool = True
    """Whether its items are added to the conversation."""
    input: tuple[Json, ...] | None = None
    """Items and references to items that it answers, as given; None: the conversation."""
    metadata: Mapping[str, str] | None = None


def begun(kind: Kind, model: str | None, facts: Facts) -> Config:
    """A session that nobody has said anything about but its model; of a transcription's, who writes.

    Raises:
        RequestError: there is no such model.
    """
    name, transcription = facts.models[0], None
    if kind == "transcription":
        transcription = Transcription(model)
        facts.transcriber(model or name, "model")
    elif model is not None:
        name = model
        facts.served(model, "model")
    return Config(
        kind,
        name,
        "text" if facts.voices is None else "audio",
        None if facts.voices is None else facts.voice,
        default_detection(kind) if facts.hears else None,
        transcription,
    )


def default_detection(kind: Kind) -> ServerVad:
    """How turns are found in a session that has not been told. There are no answers to a transcription."""
    answers = kind == "realtime"
    return ServerVad(create_response=answers, interrupt_response=answers)
