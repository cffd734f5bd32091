"""The gateway's way to speech: text as it is written in, sound at the wire's rate out, in order and ahead of time.

Knows no voice, except which ones are there when nobody configures any.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import chain
from random import getrandbits
from time import monotonic

import anyio

from tts.answer import Answer, Manner
from tts.events import Event
from tts.plan import Planner
from tts.pool import Pool
from tts.voice import UnknownVoiceError, Voice
from tts.voices.espeak import OPENAI_ALIASES, espeak_voices

Speech = AbstractAsyncContextManager[AsyncGenerator[Event, None]]
"""Enter it for the events of one answer. Leaving it, also by being cancelled, stops all work on the answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds an answer, in seconds."""

    look_ahead: float = 20.0
    """Sound made and not taken, after which no further unit is begun."""
    idle_flush: float = 0.3
    """Without new text, after which a finished sentence no longer waits for the word that follows it."""
    patience: float = 5.0
    """Without sound, after which a worker is taken to hang and its unit is spoken elsewhere."""
    first_sound: float = 3.0
    """Predicted wait for the first sound, above which new answers are refused."""


class Speaker:
    """Speaks any number of answers at a time."""

    def __init__(self, voices: Sequence[Voice], aliases: Mapping[str, str], limits: Limits | None = None) -> None:
        """Voices of the same name are workers: each unit goes to one that is free. `aliases` maps further names.

        Raises:
            UnknownVoiceError: an alias names no voice.
        """
        self._voices, self._limits = list(voices), limits or Limits()
        named: dict[str, list[Voice]] = {}
        for voice in voices:
            named.setdefault(voice.name, []).append(voice)
        self._pools = {name: Pool(workers, monotonic) for name, workers in named.items()}
        self._aliases = dict(aliases)
        for alias in self._aliases:
            self.resolve(alias)

    def names(self) -> list[str]:
        """Every name that `say` accepts: the voices', then the aliases."""
        return list(chain(self._pools, self._aliases))

    def resolve(self, name: str) -> Pool:
        """The workers behind this name or alias.

        Raises:
            UnknownVoiceError: there are none.
        """
        pool = self._pools.get(self._aliases.get(name, name))
        if pool is None:
            raise UnknownVoiceError(name, self.names())
        return pool

    async def start(self) -> None:
        """Get every voice ready, so that the first answer waits for none. `say` works without it.

        Raises:
            VoiceError: a voice cannot speak.
        """
        for voice in self._voices:
            await voice.start()

    @contextmanager
    def admit(self, voice: str) -> Iterator[Place]:
        """Room for one answer, before anything of it is begun. While it is silent, later ones count on it.

        Raises:
            UnknownVoiceError: there is no such voice.
            BusyError: the first sound would come too late; nothing was begun.
        """
        pool = self.resolve(voice)
        pool.admit(self._limits.first_sound)
        with pool.expect() as sounds:
            yield Place(self, pool.name, sounds)

    def say(
        self,
        text: AsyncIterable[str],
        voice: str,
        *,
        speed: float = 1.0,
        lang: str | None = None,
        sounds: Callable[[], None] = lambda: None,
    ) -> Speech:
        """Speak one answer whose text comes in any pieces: `async with speaker.say(...) as events`.

        `lang` is a BCP-47 tag for text whose script does not tell; `speed` 2.0 is twice as fast; `sounds` is called at
        the first sound. A unit that fails is spoken again by another worker without repeating a sample, and skipped
        with an event if that fails too. Closing `text` is the caller's part. What `text` raises comes out as a group.

        Raises:
            UnknownVoiceError: at once, there is no such voice.
        """
        manner = Manner(speed, lang, getrandbits(31), self._limits.look_ahead, self._limits.patience)
        planner = Planner(lang, idle_flush=self._limits.idle_flush)
        return _saying(Answer(planner, self.resolve(voice), manner, monotonic, sounds), text)

    async def close(self) -> None:
        """Close every voice. Safe to call twice."""
        for voice in self._voices:
            await voice.close()


@dataclass(frozen=True, slots=True)
class Place:
    """What an admitted answer speaks through."""

    speaker: Speaker
    voice: str
    sounds: Callable[[], None]

    def say(self, text: AsyncIterable[str], *, speed: float = 1.0, lang: str | None = None) -> Speech:
        """See `Speaker.say`."""
        return self.speaker.say(text, self.voice, speed=speed, lang=lang, sounds=self.sounds)


@asynccontextmanager
async def _saying(answer: Answer, text: AsyncIterable[str]) -> AsyncGenerator[AsyncGenerator[Event, None], None]:
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(answer.read, text, name="text to speak")
        group.start_soon(answer.dispatch, group, name="look-ahead")
        try:
            async with aclosing(answer.events()) as events:
                yield events
        except Exception as error:  # outside the group it would come out as one
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


def default_speaker(limits: Limits | None = None) -> Speaker:
    """The embedded voices and OpenAI's names as aliases of them (`docs/voices.md`). Starts nothing yet."""
    return Speaker(espeak_voices(), OPENAI_ALIASES, limits)
