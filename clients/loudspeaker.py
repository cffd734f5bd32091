"""A loudspeaker for PCM that comes while it plays. Needs the extra `voice` (sounddevice), and a device."""

from __future__ import annotations

from threading import Condition
from typing import Any

from clients.ending import ClientError

RATE = 24_000
"""Samples a second of all sound that goes over the wire as PCM: mono, 16 bits, little endian."""


def sounddevice() -> Any:
    """The package. ClientError if it is not there, or if its library is not."""
    try:
        import sounddevice
    except ImportError:
        raise ClientError("sound devices need a package: pip install 'ola-serve[voice]'") from None
    except OSError:
        raise ClientError("sound devices need PortAudio (Debian: apt-get install libportaudio2)") from None
    return sounddevice


class Loudspeaker:
    """Plays what it is given, one after the other. Threads may share it."""

    def __init__(self) -> None:
        """ClientError if there is no device."""
        device = sounddevice()
        self._waiting, self._changed = bytearray(), Condition()
        try:
            self._stream = device.RawOutputStream(samplerate=RATE, channels=1, dtype="int16", callback=self._fill)
            self._stream.start()
        except device.PortAudioError as error:
            raise ClientError(
                f"there is no loudspeaker to play on ({error}); save the sound to a file instead"
            ) from None

    def play(self, pcm: bytes) -> None:
        """Behind what still waits. Does not wait itself."""
        with self._changed:
            self._waiting += pcm

    def drop(self) -> float:
        """Be silent. Seconds of sound that are not played any more."""
        with self._changed:
            dropped = self._seconds_left()
            self._waiting.clear()
            self._changed.notify_all()
        return dropped

    def left(self) -> float:
        """Seconds of sound that are still to be played."""
        with self._changed:
            return self._seconds_left()

    def finish(self) -> None:
        """Wait until everything has been played, and close it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)
        self._stream.stop()
        self._stream.close()

    def close(self) -> None:
        """Be silent at once, for good."""
        self._stream.abort()
        self._stream.close()

    def _seconds_left(self) -> float:
        return len(self._waiting) / 2 / RATE

    def _fill(self, out: Any, frames: int, time: Any, status: Any) -> None:
        """PortAudio's thread asks for the next samples."""
        with self._changed:
            taken = min(len(out), len(self._waiting))
            out[:taken] = bytes(self._waiting[:taken])
            out[taken:] = bytes(len(out) - taken)
            del self._waiting[:taken]
            if not self._waiting:
                self._changed.notify_all()
