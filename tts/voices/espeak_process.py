"""The parent's end of the espeak child process: what is asked of it, and what comes back. Knows no languages."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from tts.voice import VoiceError
from tts.voices.child import ChildProcess, Patience
from tts.voices.frames import Kind

_PATIENCE = 3.0
"""Seconds; a word takes it milliseconds."""
_STARTING = 30.0


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What a child has done since it started."""

    spoken: int
    """Units spoken to their end."""
    cancelled: int
    """Units that were stopped, or never begun."""
    samples: int
    """Samples made."""


class EspeakProcess:
    """eSpeak NG in a process of its own, shared by any number of voices and answers."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        """A child that has something to say and is silent for `patience` seconds is killed and replaced."""
        self._process = ChildProcess("espeak", Patience(patience, _STARTING), "tts.voices.espeak_child")
        self._users: set[object] = set()

    def join(self, user: object) -> None:
        """Keep the process for `user` until it leaves."""
        self._users.add(user)

    async def leave(self, user: object) -> None:
        """End the process when nobody uses it any more. A second call does nothing."""
        self._users.discard(user)
        if not self._users:
            await self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None before the first start."""
        return self._process.pid

    async def start(self) -> None:
        """Start the child, if it does not run, and wait until it answers."""
        await self.status()

    async def speak(self, text: str, voices: list[str], rate: int) -> AsyncGenerator[bytes, None]:
        """PCM at 22,050 Hz as it is made. `voices` are espeak names to try in order, `rate` is words per minute.

        Audio waits in memory until it is taken. Closing the generator stops the child inside its synthesis.

        Raises:
            VoiceError: no such voice, or the process ended.
        """
        payload = json.dumps({"text": text, "voices": voices, "rate": rate}).encode()
        async with aclosing(self._process.replies(Kind.SAY, payload)) as replies:
            async for frame in replies:
                if frame.kind is Kind.FAILED:
                    raise VoiceError(frame.payload.decode())
                if frame.kind is Kind.AUDIO:
                    yield frame.payload

    async def status(self) -> ProcessStatus:
        """Ask the child, once it has dealt with all that was asked before.

        Raises:
            VoiceError: the process ended.
        """
        async with aclosing(self._process.replies(Kind.STATUS)) as replies:
            frame = await anext(replies)
            return ProcessStatus(**json.loads(frame.payload))

    async def close(self) -> None:
        """End the child; what is in flight raises VoiceError, and so does what is asked afterwards."""
        await self._process.close()
