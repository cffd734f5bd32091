"""A bank of spoken sentences that knows which phoneme and word each 20 ms frame holds.

eSpeak NG speaks, in programs of its own (`training.world.speak`); a bank is built once into a folder, shard by shard,
and read by memory map. Knows nothing of what the sentences mean.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.api import SAMPLE_RATE
from training.world.words import transcript

FRAME = SAMPLE_RATE // 50
"""Samples in a frame."""
_ACCENTS = ("en-us", "en", "en-gb-scotland", "en-029")
_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4")
VOICES = tuple(f"{accent}+{variant}" for accent in _ACCENTS for variant in _VARIANTS)
"""As eSpeak NG names them; its `en` is British."""
HELD_OUT = ("en-us+m3", "en-us+f2", "en+m6", "en+f4", "en-gb-scotland+m2", "en-029+f1")
"""Never spoken in training."""
TRAINED = tuple(voice for voice in VOICES if voice not in HELD_OUT)
PHONEMES = (
    "_",
    *("3", "3:", "0", "@", "@L", "A:", "A@", "E", "I", "O", "O:", "O@", "OI", "U", "U@", "V", "a", "aI", "aI@", "aU"),
    *("aa", "e@", "eI", "i", "i:", "i@", "o@", "oU", "u", "u:"),
    *("?", "D", "N", "S", "T", "Z", "b", "d", "dZ", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "tS"),
    *("v", "w", "x", "z"),
)
"""Of English in eSpeak NG's notation, without stress and without the variants of one sound; the first is silence."""

_SHARD = 250
_SLOWEST, _FASTEST = 130, 190  # words per minute
_LOWEST, _HIGHEST = 30, 70  # pitch, of 100


class SpeechError(Exception):
    """A text or voice that cannot be spoken, or a folder that holds no finished bank, or another one."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sentence as it sounds, float32 in [-1, 1] at 16 kHz, and for each begun 20 ms of it:

    `phonemes`, the index in `PHONEMES`, and `words`, the index in `transcript(text).split()` or -1 outside of words.
    """

    samples: NDArray[np.float32]
    text: str
    phonemes: NDArray[np.int16]
    words: NDArray[np.int16]


def placed(utterance: Utterance, before: int, after: int) -> Utterance:
    """With silence around it, each rounded up to whole frames so that the labels stay true: samples."""
    lead, tail = -(-before // FRAME), -(-after // FRAME)
    # The last frame of the speech may be begun only.
    rest = -len(utterance.samples) % FRAME if tail else 0
    return Utterance(
        np.pad(utterance.samples, (lead * FRAME, rest + tail * FRAME)),
        utterance.text,
        np.pad(utterance.phonemes, (lead, tail)),
        np.pad(utterance.words, (lead, tail), constant_values=-1),
    )


def phoneme(name: str) -> int:
    """Index in `PHONEMES` of a name as eSpeak NG gives it: `'aI2` is `aI`. What English does not have is 0."""
    if name == ";":  # the glide before a vowel, as in `cute`
        name = "j"
    plain = re.sub(r"(?<=.)[#0-9\[\-R]+$", "", name.lstrip("',%="))
    return PHONEMES.index(plain) if plain in PHONEMES else 0


def build(
    folder: Path,
    texts: Sequence[str],
    seed: int,
    *,
    voices: Sequence[str] = TRAINED,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Speak each of `texts` with a voice, speed and pitch drawn from `seed`; one that is given twice is spoken twice.

    A build that was ended goes on where it was. `progress` hears how many shards of how many are there.

    Raises:
        SpeechError: `folder` holds a bank of something else, or a text or voice cannot be spoken.
    """
    dice = np.random.default_rng(seed)
    orders = [
        {
            "text": text,
            "voice": voices[int(dice.integers(len(voices)))],
            "wpm": int(dice.integers(_SLOWEST, _FASTEST + 1)),
            "pitch": int(dice.integers(_LOWEST, _HIGHEST + 1)),
        }
        for text in texts
    ]
    for text in set(texts):
        _word_places(text)
    folder.mkdir(parents=True, exist_ok=True)
    plan, wanted = folder / "plan.json", json.dumps(orders)
    if plan.exists() and plan.read_text() != wanted:
        raise SpeechError(f"{folder} holds a bank of other texts, voices or another seed")
    _write(plan, wanted.encode())
    # A shard is one process's life: what eSpeak NG said before changes its next utterance a little.
    shards = [orders[start : start + _SHARD] for start in range(0, len(orders), _SHARD)]
    missing = [number for number in range(len(shards)) if not _index_of(folder, number).exists()]
    progress(len(shards) - len(missing), len(shards))
    with ThreadPoolExecutor(processes) as pool:
        spoken = [pool.submit(_speak_shard, folder, number, shards[number]) for number in missing]
        try:
            for count, future in enumerate(as_completed(spoken), 1):
                future.result()
                progress(len(shards) - len(missing) + count, len(shards))
        finally:
            pool.shutdown(cancel_futures=True)


class Bank:
    """A finished bank."""

    phonemes = PHONEMES

    def __init__(self, folder: Path) -> None:
        """Raises SpeechError if it is not finished."""
        plan = folder / "plan.json"
        if not plan.exists():
            raise SpeechError(f"{folder} holds no bank")
        orders = json.loads(plan.read_text())
        self.texts: list[str] = [order["text"] for order in orders]
        self.voices: list[str] = [order["voice"] for order in orders]
        self._shards = [_Shard(folder, number) for number in range(-(-len(orders) // _SHARD))]
        self._of_text: dict[str, list[int]] = {}
        for place, text in enumerate(self.texts):
            self._of_text.setdefault(transcript(text), []).append(place)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, place: int) -> Utterance:
        if not 0 <= place < len(self):
            raise IndexError(place)
        samples, labels = self._shards[place // _SHARD][place % _SHARD]
        heard = samples.astype(np.float32) / np.float32(32_768)
        return Utterance(heard, self.texts[place], labels[0].astype(np.int16), labels[1].astype(np.int16))

    def __contains__(self, text: object) -> bool:
        """Whether somebody says these words."""
        return isinstance(text, str) and transcript(text) in self._of_text

    def find(self, text: str, dice: np.random.Generator) -> Utterance:
        """One of those that say exactly these words.

        Raises:
            KeyError: none does.
        """
        places = self._of_text[transcript(text)]
        return self[places[dice.integers(len(places))]]

    def any(self, dice: np.random.Generator) -> Utterance:
        return self[int(dice.integers(len(self)))]


class _Shard:
    def __init__(self, folder: Path, number: int) -> None:
        index = _index_of(folder, number)
        if not index.exists():
            raise SpeechError(f"the bank in {folder} is not finished")
        lengths: list[int] = json.loads(index.read_text())
        self._samples = np.load(index.with_suffix(".samples.npy"), mmap_mode="r")
        self._labels = np.load(index.with_suffix(".labels.npy"), mmap_mode="r")
        self._sample_starts = np.cumsum([0, *lengths]).tolist()
        self._frame_starts = np.cumsum([0, *(-(-length // FRAME) for length in lengths)]).tolist()

    def __getitem__(self, place: int) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
        samples = self._samples[self._sample_starts[place] : self._sample_starts[place + 1]]
        return samples, self._labels[:, self._frame_starts[place] : self._frame_starts[place + 1]]


def _index_of(folder: Path, number: int) -> Path:
    return folder / f"{number:04}.json"


def _speak_shard(folder: Path, number: int, orders: Sequence[dict[str, Any]]) -> None:
    """The index is written last: a shard that has one is whole."""
    utterances = list(_spoken(orders))
    index = _index_of(folder, number)
    np.save(index.with_suffix(".samples.npy"), np.concatenate([samples for samples, _ in utterances]))
    np.save(index.with_suffix(".labels.npy"), np.concatenate([labels for _, labels in utterances], axis=1))
    _write(index, json.dumps([len(samples) for samples, _ in utterances]).encode())


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    os.replace(new, path)


def _spoken(orders: Sequence[dict[str, Any]]) -> Iterator[tuple[NDArray[np.int16], NDArray[np.int8]]]:
    """For each order the samples at 16 kHz, and phoneme and word of each frame: `[2, frames]`."""
    asked = "".join(json.dumps(order) + "\n" for order in orders).encode()
    program = [sys.executable, "-m", "training.world.speak"]
    root = Path(__file__).parents[2]
    heard = subprocess.run(program, input=asked, stdout=subprocess.PIPE, check=True, cwd=root).stdout
    place = 0
    for order in orders:
        (size,) = struct.unpack_from("<I", heard, place)
        place += 4 + size
        head = json.loads(heard[place - size : place])
        if "error" in head:
            raise SpeechError(head["error"])
        pcm = np.frombuffer(heard, np.int16, head["samples"], place)
        place += pcm.nbytes
        high = soxr.resample(pcm.astype(np.float32), head["rate"], SAMPLE_RATE)
        samples = np.clip(np.rint(high), -32_768, 32_767).astype(np.int16)
        yield samples, _labels(order["text"], head, -(-len(samples) // FRAME))


def _labels(text: str, head: dict[str, Any], frames: int) -> NDArray[np.int8]:
    """What sounds in the middle of each frame."""
    middles = (np.arange(frames) + 0.5) * (head["rate"] * FRAME / SAMPLE_RATE)
    labels = np.full((2, frames), (((0,), (-1,))), np.int8)
    starts = [start for start, _ in head["phonemes"]]
    names = [phoneme(name) for _, name in head["phonemes"]]
    heard = np.searchsorted(starts, middles, side="right")
    labels[0] = np.array([0, *names], np.int8)[heard]
    for word, (start, end) in enumerate(_word_spans(text, head)):
        labels[1, (middles >= start) & (middles < end)] = word
    return labels


def _word_places(text: str) -> list[int]:
    """Where each word of the transcript begins in the text."""
    matches = list(re.finditer(r"(?:[^\W_]|')+", text))
    if [match.group().lower() for match in matches] != transcript(text).split() or not matches:
        raise SpeechError(f"only words, apostrophes and punctuation can be spoken: {text!r}")
    return [match.start() for match in matches]


def _word_spans(text: str, head: dict[str, Any]) -> list[tuple[float, float]]:
    """Where each word begins and ends, in eSpeak NG's samples. Words that it told nothing of share a span evenly."""
    places = _word_places(text)
    begins: dict[int, int] = {}
    for start, place in sorted(head["words"]):
        begins.setdefault(max(0, bisect_right(places, place) - 1), start)
    begins = {0: 0} | begins
    known = sorted(begins)
    spans: list[tuple[float, float]] = []
    for word, after in zip(known, [*known[1:], len(places)], strict=True):
        start = begins[word]
        end = _sound_end(head, start, begins.get(after, head["samples"]))
        share = (end - start) / (after - word)
        spans += [(start + part * share, start + (part + 1) * share) for part in range(after - word)]
    return spans


def _sound_end(head: dict[str, Any], start: int, limit: int) -> int:
    """Where the silence begins that lasts until `limit`, or `limit`."""
    end = limit
    for begin, name in reversed(head["phonemes"]):
        if begin >= limit:
            continue
        if begin < start or not name.startswith("_"):
            break
        end = begin
    return end
