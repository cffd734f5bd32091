"""A program around eSpeak NG that says when each phoneme and word begins. Run with `python -m`, never imported.

eSpeak NG is GPL-3.0-or-later; it is loaded here only, so that it stays a program of its own behind a pipe. On stdin a
JSON object per line: text, voice, wpm, pitch. On stdout for each: a little-endian uint32 that counts the bytes of a
JSON object, that object, and then its `samples` samples of int16 PCM at its `rate`. An object with `error` ends it.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import espeakng_loader

_SAMPLE_RATE = 22_050
_BUFFER_MS = 200
# Constants of eSpeak NG's speak_lib.h.
_SYNCHRONOUS = 2
_PHONEME_EVENTS = 1
_UTF8 = 1
_RATE, _PITCH = 1, 3
_LIST_TERMINATED, _WORD, _PHONEME = 0, 1, 7


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # in ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class CannotSpeakError(Exception):
    """eSpeak NG refused; the message goes to the parent."""


class Espeak:
    """The library, initialised once in a process."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(os.fspath(espeakng_loader.get_library_path()))
        data = os.fsencode(espeakng_loader.get_data_path())
        rate = self._lib.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, _PHONEME_EVENTS)
        if rate != _SAMPLE_RATE:
            raise CannotSpeakError(f"espeak_Initialize returned {rate} instead of {_SAMPLE_RATE} Hz")
        self._lib.espeak_ng_SetRandSeed(1)  # breath is noise, by default seeded with the time
        self._variants = Path(os.fsdecode(data)) / "voices" / "!v"
        self._pcm = bytearray()
        self._phonemes: list[tuple[int, str]] = []
        self._words: list[tuple[int, int]] = []
        self._callback = _Callback(self._hear)  # the library holds no reference
        self._lib.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str, wpm: int, pitch: int) -> tuple[dict[str, Any], bytes]:
        """What to reply: the times are samples, a word's place is its first character's in `text`.

        Raises:
            CannotSpeakError: there is no such voice, or the synthesis failed.
        """
        # An unknown name returns an error and silently keeps the voice of the last text; an unknown variant is ignored.
        variant = voice.partition("+")[2]
        if (variant and not (self._variants / variant).is_file()) or self._lib.espeak_SetVoiceByName(voice.encode()):
            raise CannotSpeakError(f"eSpeak NG has no voice {voice}")
        self._lib.espeak_SetParameter(_RATE, wpm, 0)
        self._lib.espeak_SetParameter(_PITCH, pitch, 0)
        self._pcm, self._phonemes, self._words = bytearray(), [], []
        data = text.replace("\0", " ").encode()
        if status := self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None):
            raise CannotSpeakError(f"espeak_Synth returned {status}")
        samples = len(self._pcm) // 2
        head = {"rate": _SAMPLE_RATE, "samples": samples, "phonemes": self._phonemes, "words": self._words}
        return head, bytes(self._pcm)

    def _hear(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._pcm += ctypes.string_at(samples, 2 * count)
        place = 0
        while (event := events[place]).type != _LIST_TERMINATED:
            if event.type == _PHONEME:
                self._phonemes.append((event.sample, event.id.string.decode()))
            elif event.type == _WORD:
                self._words.append((event.sample, event.text_position - 1))
            place += 1
        return 0


def main() -> None:
    """Answer the parent until it closes stdin."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not get between the replies
    espeak = Espeak()
    for line in sys.stdin:
        try:
            head, pcm = espeak.speak(**json.loads(line))
        except CannotSpeakError as error:
            head, pcm = {"error": str(error)}, b""
        data = json.dumps(head).encode()
        sink.write(struct.pack("<I", len(data)) + data + pcm)
        sink.flush()


if __name__ == "__main__":
    main()
