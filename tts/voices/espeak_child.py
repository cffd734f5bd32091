"""The program around eSpeak NG: frames in on stdin, frames out on stdout. Run with `python -m`, never imported.

eSpeak NG is GPL-3.0-or-later; it is loaded here only, so that it stays a program of its own behind a pipe. It is not
thread-safe: the main thread alone speaks. A second thread reads, so that a cancel is seen inside the synthesis.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import threading
from collections.abc import Callable
from typing import Any

import espeakng_loader

from tts.voices import pipes
from tts.voices.frames import Frame, FrameDecoder, Kind

_SAMPLE_RATE = 22_050
_BUFFER_MS = 60
# Constants of eSpeak NG's speak_lib.h.
_SYNCHRONOUS = 2
_UTF8 = 1
_RATE = 1
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class CannotSpeakError(Exception):
    """eSpeak NG refused; the message goes to the parent."""


class Espeak:
    """The library, initialised once in a process."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(os.fspath(espeakng_loader.get_library_path()))
        data = os.fsencode(espeakng_loader.get_data_path())
        rate = self._lib.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, 0)
        if rate != _SAMPLE_RATE:
            raise CannotSpeakError(f"espeak_Initialize returned {rate} instead of {_SAMPLE_RATE} Hz")

    def speak(self, text: str, voices: list[str], rate: int, hear: Callable[[bytes], bool]) -> None:
        """Speak with the first of `voices` that exists. `hear` gets PCM as it is made and says whether to go on.

        Raises:
            CannotSpeakError: none of the voices exists, or the synthesis failed.
        """
        # An unknown name returns an error and silently keeps the voice of the last text.
        if all(self._lib.espeak_SetVoiceByName(name.encode()) for name in voices):
            raise CannotSpeakError(f"eSpeak NG has none of the voices {', '.join(voices)}")
        self._lib.espeak_SetParameter(_RATE, rate, 0)

        def callback(samples: Any, count: int, _events: Any) -> int:
            if not samples or not count:
                return 0
            return 0 if hear(ctypes.string_at(samples, 2 * count)) else 1

        kept = _Callback(callback)  # the library holds no reference
        self._lib.espeak_SetSynthCallback(kept)
        data = text.replace("\0", " ").encode()
        if status := self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None):
            raise CannotSpeakError(f"espeak_Synth returned {status}")


class Requests:
    """What the reading thread has for the speaking one."""

    def __init__(self, source: int) -> None:
        self._source = source
        self._waiting: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._lock = threading.Lock()

    def read(self) -> None:
        """Read until the parent closes the pipe; then end the process, which nobody hears any more."""
        decoder = FrameDecoder()
        while data := os.read(self._source, 65_536):
            for frame in decoder.feed(data):
                self._take(frame)
        os._exit(0)

    def _take(self, frame: Frame) -> None:
        if frame.kind is not Kind.CANCEL:
            self._waiting.put(frame)
            return
        with self._lock:
            self._cancelled.add(frame.number)

    def next(self) -> Frame:
        """Wait for the next request. Numbers only grow, so cancels of older ones came too late and are forgotten."""
        frame = self._waiting.get()
        with self._lock:
            self._cancelled = {number for number in self._cancelled if number >= frame.number}
        return frame

    def is_cancelled(self, number: int) -> bool:
        """Whether the parent wants no more of this request."""
        with self._lock:
            return number in self._cancelled


class Program:
    """Answers requests one by one."""

    def __init__(self, requests: Requests, sink: int) -> None:
        self._requests, self._sink = requests, sink
        self._espeak = Espeak()
        self._counts = {"spoken": 0, "cancelled": 0, "samples": 0}

    def run(self) -> None:
        """Answer until the process ends."""
        while True:
            frame = self._requests.next()
            if frame.kind is Kind.STATUS:
                self._send(Kind.STATUS, frame.number, json.dumps(self._counts).encode())
            else:
                self._say(frame)

    def _say(self, frame: Frame) -> None:
        def hear(pcm: bytes) -> bool:
            if self._requests.is_cancelled(frame.number):
                return False
            self._counts["samples"] += len(pcm) // 2
            self._send(Kind.AUDIO, frame.number, pcm)
            return True

        try:
            if not self._requests.is_cancelled(frame.number):
                self._espeak.speak(**json.loads(frame.payload), hear=hear)
        except CannotSpeakError as error:
            self._send(Kind.FAILED, frame.number, str(error).encode())
            return
        self._counts["cancelled" if self._requests.is_cancelled(frame.number) else "spoken"] += 1
        self._send(Kind.DONE, frame.number)

    def _send(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        try:
            pipes.send(self._sink, Frame(kind, number, payload))
        except OSError:
            os._exit(0)  # the parent is gone; an exception would be lost inside the callback


def main() -> None:
    """Answer the parent until it closes stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which closes the pipe
    source, sink = pipes.own_pipes()
    requests = Requests(source)
    threading.Thread(target=requests.read, name="requests", daemon=True).start()
    Program(requests, sink).run()


if __name__ == "__main__":
    main()
