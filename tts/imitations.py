"""The recorded voices as a server speaks with them: found by name, imitated, and given up when they are deleted.

Knows neither what keeps them nor what imitates them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from tts.pool import Clock, Places, Pool
from tts.recorded import Imitator, Recorded, Registry
from tts.voice import Voice

_KEPT = 64
"""Imitations at a time; above it, those that were not heard for longest go. Bounds their memory."""


class CannotImitateError(Exception):
    """There is nothing that could sound like a recording."""

    def __init__(self) -> None:
        super().__init__("The voice of this server cannot imitate recorded voices.")


@dataclass(slots=True, eq=False)
class _Imitation:
    recorded: Recorded
    voices: Sequence[Voice]
    pool: Pool
    users: int = 0


class Imitations:
    """Recorded voices and those who imitate them. Every method raises RegistryError where the registry does."""

    def __init__(
        self, registry: Registry, imitators: Sequence[Imitator], clock: Clock, places: Places | None = None
    ) -> None:
        """The imitators are workers: each of them imitates every voice. `places` as for `tts.pool.Pool`."""
        self.registry, self._imitators, self._clock, self._places = registry, imitators, clock, places or Places()
        self._made: dict[str, _Imitation] = {}

    def check(self) -> None:
        """Raises CannotImitateError if nobody imitates."""
        if not self._imitators:
            raise CannotImitateError

    @asynccontextmanager
    async def workers(self, name: str) -> AsyncGenerator[Pool | None, None]:
        """Who speaks like this voice while the block runs, also if it is deleted meanwhile. None: no such voice.

        Raises:
            CannotImitateError: there is such a voice, but nobody imitates.
        """
        recorded = await self.registry.get(name)
        if recorded is None:
            await self._give_up(name)
            yield None
            return
        self.check()
        imitation = await self._imitation(recorded)
        try:
            yield imitation.pool
        finally:
            imitation.users -= 1
            await self._tidy(imitation)

    async def delete(self, name: str) -> bool:
        """Delete a voice: no answer begins with it any more, those that have begun are spoken to their end."""
        deleted = await self.registry.delete(name)
        await self._give_up(name)
        return deleted

    async def close(self) -> None:
        """Close every imitation, also those in use. Safe to call twice."""
        made, self._made = self._made, {}
        for imitation in made.values():
            await _close(imitation)

    async def _imitation(self, recorded: Recorded) -> _Imitation:
        """The imitation of exactly this recording, with the caller as its user."""
        known = self._made.get(recorded.name)
        if known is not None and known.recorded == recorded:
            self._made[recorded.name] = self._made.pop(recorded.name)  # as the newest
            known.users += 1
            return known
        voices = [imitator.imitate(recorded) for imitator in self._imitators]
        self._made.pop(recorded.name, None)
        made = _Imitation(recorded, voices, Pool(voices, self._clock, self._places), users=1)
        self._made[recorded.name] = made
        if known is not None:
            await self._tidy(known)
        if len(self._made) > _KEPT:
            await self._give_up(next(iter(self._made)))
        return made

    async def _give_up(self, name: str) -> None:
        if imitation := self._made.pop(name, None):
            await self._tidy(imitation)

    async def _tidy(self, imitation: _Imitation) -> None:
        """Close it if nobody uses it or can find it any more."""
        if not imitation.users and self._made.get(imitation.recorded.name) is not imitation:
            await _close(imitation)


async def _close(imitation: _Imitation) -> None:
    imitation.pool.close()
    with anyio.CancelScope(shield=True):
        for voice in imitation.voices:
            await voice.close()
