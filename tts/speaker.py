"""The gateway's way to speech: text as it is written in, sound at the wire's rate out, in order and ahead of time.

Knows no voice in particular.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from random import getrandbits
from time import monotonic
from typing import Literal

from tts.answer import Answer, Manner
from tts.background import background
from tts.events import Event
from tts.imitations import CannotImitateError, Imitations
from tts.observer import Observer, Unobserved
from tts.plan import Planner
from tts.pool import Places, Pool
from tts.recorded import Imitator, Recorded, Registry
from tts.voice import UnknownVoiceError, Voice

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


class TakenNameError(Exception):
    """A voice or an alias has this name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a voice with the name {name!r} already.")


class FixedVoiceError(Exception):
    """A voice that is the server's own cannot be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The voice {name!r} is the server's own and cannot be deleted.")


@dataclass(frozen=True, slots=True)
class Offered:
    """A name that may be asked for, and what it is."""

    name: str
    kind: Literal["built-in", "alias", "recorded"]
    languages: tuple[str, ...]
    """BCP-47 tags. Of a recorded voice that of its recording, if it is known."""


class Speaker:
    """Speaks any number of answers at a time, with voices of its own and with recorded ones."""

    def __init__(
        self,
        voices: Sequence[Voice],
        aliases: Mapping[str, str],
        limits: Limits | None = None,
        *,
        registry: Registry | None = None,
        imitators: Sequence[Imitator] = (),
    ) -> None:
        """Voices of the same name are workers: each unit goes to one that is free. `aliases` maps further names.

        `registry` holds recorded voices, which every one of the `imitators` can imitate; None: there are none. Both
        stay the caller's to close.

        Raises:
            UnknownVoiceError: an alias names no voice.
        """
        self._voices, self._limits = list[Voice](), limits or Limits()
        self._pools, self._aliases, self._places = dict[str, Pool](), dict[str, str](), Places()
        self._imitations = None if registry is None else Imitations(registry, imitators, monotonic, self._places)
        for voice in voices:
            self.join(voice)
        self.alias(aliases)

    def join(self, voice: Voice) -> None:
        """Have one more voice, or one more worker of a voice. It is not started, but closed with the others."""
        self._voices.append(voice)
        if pool := self._pools.get(voice.name):
            pool.join(voice)
        else:
            self._pools[voice.name] = Pool([voice], monotonic, self._places)

    def alias(self, aliases: Mapping[str, str]) -> None:
        """Have further names for voices. A voice of the same name goes before its alias.

        Raises:
            UnknownVoiceError: an alias names no voice.
        """
        for name in aliases.values():
            if name not in self._pools:
                raise UnknownVoiceError(name, self._own_names())
        self._aliases |= aliases

    async def names(self) -> list[str]:
        """Every name that `say` accepts: the voices', the aliases, then the recorded voices'.

        Raises:
            RegistryError: the recorded voices cannot be read.
        """
        return self._own_names() + await self._recorded_names()

    async def offered(self) -> list[Offered]:
        """Every name with what it is.

        Raises:
            RegistryError: the recorded voices cannot be read.
        """
        languages = {voice.name: voice.languages for voice in self._voices}
        own = [Offered(name, "built-in", languages[name]) for name in self._pools]
        aliases = [Offered(name, "alias", languages[self._aliases[name]]) for name in self._own_names()[len(own) :]]
        return own + aliases + [await self._recorded(name) for name in await self._recorded_names()]

    def resolve(self, name: str) -> Pool:
        """The workers behind this name or alias of the speaker's own; recorded voices are not among them.

        Raises:
            UnknownVoiceError: there are none.
        """
        pool = self._pools.get(name) or self._pools.get(self._aliases.get(name, name))
        if pool is None:
            raise UnknownVoiceError(name, self._own_names())
        return pool

    async def add(self, recorded: Recorded) -> None:
        """Keep a recorded voice; the next answer may have it.

        Raises:
            CannotImitateError: it could not be heard here.
            TakenNameError: its name is in use.
            RegistryError: it cannot be kept now.
        """
        if self._imitations is None:
            raise CannotImitateError
        self._imitations.check()
        if recorded.name in self._own_names() or not await self._imitations.registry.add(recorded):
            raise TakenNameError(recorded.name)

    async def delete(self, name: str) -> None:
        """Delete a recorded voice with its recording. Answers that have begun with it are spoken to their end.

        Raises:
            FixedVoiceError: it is no recorded voice.
            UnknownVoiceError: there is none of this name.
            RegistryError: it cannot be deleted now.
        """
        if name in self._own_names():
            raise FixedVoiceError(name)
        if self._imitations is None or not await self._imitations.delete(name):
            raise UnknownVoiceError(name, await self.names())

    async def start(self) -> None:
        """Get every voice ready, so that the first answer waits for none. `say` works without it.

        Raises:
            VoiceError: a voice cannot speak.
        """
        for voice in self._voices:
            await voice.start()

    @asynccontextmanager
    async def admit(self, voice: str) -> AsyncGenerator[Place, None]:
        """Room for one answer, before anything of it is begun. While it is silent, later ones count on it.

        Raises:
            UnknownVoiceError: there is no such voice.
            CannotImitateError: there is, but nobody who imitates it.
            RegistryError: whether there is one cannot be known now.
            BusyError: the first sound would come too late; nothing was begun.
        """
        async with self._workers(voice) as pool:
            pool.admit(self._limits.first_sound)
            with pool.expect() as sounds:
                yield Place(pool, self._limits, sounds, recorded=voice not in self._own_names())

    @asynccontextmanager
    async def say(
        self, text: AsyncIterable[str], voice: str, *, speed: float = 1.0, lang: str | None = None
    ) -> AsyncGenerator[AsyncGenerator[Event, None], None]:
        """Speak one answer whose text comes in any pieces: `async with speaker.say(...) as events`.

        `lang` is a BCP-47 tag for text whose script does not tell; `speed` 2.0 is twice as fast. A unit that fails is
        spoken again by another worker without repeating a sample, and skipped with an event if that fails too. Closing
        `text` is the caller's part. What `text` raises comes out as a group.

        Raises:
            UnknownVoiceError, CannotImitateError, RegistryError: on entering, as `admit` does.
        """
        async with (
            self._workers(voice) as pool,
            Place(pool, self._limits, lambda: None).say(text, speed=speed, lang=lang) as events,
        ):
            yield events

    async def close(self) -> None:
        """Close every voice. Safe to call twice."""
        if self._imitations is not None:
            await self._imitations.close()
        for voice in self._voices:
            await voice.close()

    def _own_names(self) -> list[str]:
        return list(self._pools) + [alias for alias in self._aliases if alias not in self._pools]

    async def _recorded_names(self) -> list[str]:
        """Without those that the speaker's own voices or aliases hide."""
        if self._imitations is None:
            return []
        own = self._own_names()
        return [name for name in await self._imitations.registry.names() if name not in own]

    async def _recorded(self, name: str) -> Offered:
        assert self._imitations is not None
        recorded = await self._imitations.registry.get(name)
        return Offered(name, "recorded", (recorded.lang,) if recorded and recorded.lang else ())

    @asynccontextmanager
    async def _workers(self, name: str) -> AsyncGenerator[Pool, None]:
        """The workers of a voice while the block runs. Those of its own are found without a look at the registry."""
        if self._imitations is None or name in self._own_names():
            yield self.resolve(name)
            return
        async with self._imitations.workers(name) as pool:
            if pool is None:
                raise UnknownVoiceError(name, await self.names())
            yield pool


@dataclass(frozen=True, slots=True)
class Place:
    """What an admitted answer speaks through."""

    pool: Pool
    limits: Limits
    sounds: Callable[[], None]
    """Called at the first sound."""
    recorded: bool = False
    """The voice is one that somebody has added."""

    def say(
        self,
        text: AsyncIterable[str],
        *,
        speed: float = 1.0,
        lang: str | None = None,
        instructions: str = "",
        observer: Observer | None = None,
    ) -> Speech:
        """See `Speaker.say`. `instructions` are for voices that follow them; `observer` hears how it goes."""
        manner = Manner(speed, lang, getrandbits(31), self.limits.look_ahead, self.limits.patience, instructions)
        planner = Planner(lang, idle_flush=self.limits.idle_flush)
        answer = Answer(planner, self.pool, manner, monotonic, self.sounds, observer or Unobserved())
        return _saying(answer, text)


@asynccontextmanager
async def _saying(answer: Answer, text: AsyncIterable[str]) -> AsyncGenerator[AsyncGenerator[Event, None], None]:
    async with background() as group:
        group.start_soon(answer.read, text, name="text to speak")
        group.start_soon(answer.dispatch, group, name="look-ahead")
        async with aclosing(answer.events()) as events:
            yield events
