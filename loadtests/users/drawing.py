"""What users show and say, made in a process of its own: drawing is not measured, and may not hold users up.

Each line of its input names a kind, a watchword and a seed; each line of its output is the content of a message, or the
sound of a turn. The same line makes the same again, and no two seeds make the same picture or voice.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from random import Random
from threading import Lock
from typing import Any

import numpy as np
import soxr

from loadtests.child import Child
from tests.demo import pictures, sounds, world
from tts.voice import WIRE_RATE

PAUSE = 1.2
"""Seconds for which somebody who hesitates says nothing: longer than a server waits for the end of a turn."""
HESITATION = "Hello."


class Studio:
    """The process as its users have it: one asks at a time."""

    def __init__(self, child: Child) -> None:
        self._child, self._lock = child, Lock()

    def content(self, kind: str, said: str, seed: int) -> list[dict[str, Any]]:
        """The parts of a message of one of KINDS that says or shows `said`. Raises ChildError."""
        parts: list[dict[str, Any]] = self._ask(kind, said, seed)
        return parts

    def turn(self, said: str, seed: int, *, hesitates: bool = False) -> bytes:
        """`said` aloud: 16-bit PCM at WIRE_RATE. Raises ChildError."""
        return b64decode(self._ask("hesitant" if hesitates else "turn", said, seed))

    def _ask(self, kind: str, said: str, seed: int) -> Any:
        with self._lock:
            return self._child.ask(kind=kind, said=said, seed=seed)["made"]


def text(_: Random, said: str) -> list[dict[str, Any]]:
    return [world.text_part(f"Repeat this sentence: {said}")]


def image(random: Random, said: str) -> list[dict[str, Any]]:
    picture = pictures.number(random, int(said))
    return [world.image_part(pictures.png(picture)), world.text_part("What number is written?")]


def sound(random: Random, said: str) -> list[dict[str, Any]]:
    return [world.sound_part(sounds.speech(random, said)), world.text_part(world.TRANSCRIBE)]


def video(random: Random, said: str) -> list[dict[str, Any]]:
    _, clip = world.talking_clip(random, random.choice(("left", "right", "up", "down", "still")), lambda _: said)
    return [clip, world.text_part("What does the voice say?")]


def turn(random: Random, said: str) -> str:
    return _pcm(sounds.clean_speech(random, said))


def hesitant(random: Random, said: str) -> str:
    """A greeting, a pause in which a server begins to answer, and the question after all."""
    pause = np.zeros(round(PAUSE * sounds.RATE))
    voice = random.getrandbits(32)
    parts = [sounds.clean_speech(Random(voice), text) for text in (HESITATION, said)]
    return _pcm(np.concatenate([parts[0], pause, parts[1]]))


def _pcm(samples: sounds.Samples) -> str:
    resampled = soxr.resample(samples, sounds.RATE, WIRE_RATE)
    return b64encode((np.clip(resampled, -1, 1) * 32767).astype("<i2").tobytes()).decode()


KINDS: dict[str, Callable[[Random, str], list[dict[str, Any]]]] = {
    "text": text,
    "image": image,
    "sound": sound,
    "video": video,
}
_TURNS = {"turn": turn, "hesitant": hesitant}


def main() -> None:
    made: dict[str, Callable[[Random, str], Any]] = {**KINDS, **_TURNS}
    for line in sys.stdin:
        job = json.loads(line)
        drawn = made[job["kind"]](Random(f"{job['kind']}/{job['said']}/{job['seed']}"), job["said"])
        print(json.dumps({"made": drawn}), flush=True)


if __name__ == "__main__":
    main()
