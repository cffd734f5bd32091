"""Pre-trains the two speech encoders from scratch: Whisper on what is said, BEATs on what sounds.

The released model takes both trained by others; here each gets labels for every 20 ms, which a synthetic voice knows,
and Whisper a transcript besides (connectionist temporal classification, Graves et al. 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.api import SAMPLE_RATE
from engine.model.senses import Hearing
from training.loop import Job, Parts
from training.thin import BANDS, Tail, chunk, listen, tag
from training.world.sentences import WORDS, numbered
from training.world.sounds import COUNTS, EVENTS, noisy, sound
from training.world.speech import PHONEMES, Bank, Utterance, placed
from training.world.words import transcript

LETTERS = "abcdefghijklmnopqrstuvwxyz' "


@dataclass(frozen=True, slots=True)
class Hear:
    """What `Listening` is shown: waves `[n, samples]`, labels per frame `[n, frames]`, letters end to end."""

    waves: Tensor
    tail: Tail
    phonemes: Tensor
    words: Tensor
    letters: Tensor
    lengths: Tensor


class Listening(nn.Module):
    """Whisper's encoder with three heads: the phoneme, the word, and the letters of the transcript."""

    def __init__(self, hearing: Hearing) -> None:
        super().__init__()
        width = hearing.whisper.positional_embedding.shape[1]
        self.hearing = hearing
        self.phonemes = nn.Linear(width, len(PHONEMES))
        self.words = nn.Linear(width, WORDS)
        self.letters = nn.Linear(width, len(LETTERS) + 1)

    def losses(self, batch: Hear) -> Parts:
        features = listen(self.hearing, batch.waves, batch.tail)[:, : batch.tail.frames].float()
        letters = self.letters(features).log_softmax(-1).transpose(0, 1)
        frames = torch.full((len(batch.waves),), batch.tail.frames)
        return {
            "phonemes": labelled(self.phonemes(features), batch.phonemes),
            "words": 0.5 * labelled(self.words(features), batch.words),
            "letters": 0.3 * F.ctc_loss(letters, batch.letters, frames, batch.lengths, zero_infinity=True),
        }


class Tagging(nn.Module):
    """BEATs with two heads: what sounds in each column of patches, and how many beeps have begun."""

    def __init__(self, hearing: Hearing) -> None:
        super().__init__()
        assert hearing.beats is not None
        width = hearing.beats.encoder.layer_norm.normalized_shape[0]
        self.hearing = hearing
        self.events, self.counts = nn.Linear(width, EVENTS), nn.Linear(width, COUNTS)

    def losses(self, batch: tuple[Tensor, Tail, Tensor, Tensor]) -> Parts:
        waves, tail, events, counts = batch
        columns = tag(self.hearing, waves, tail).float().unflatten(1, (-1, BANDS)).mean(2)
        return {
            "events": labelled(self.events(columns), events),
            "counts": labelled(self.counts(columns), counts),
        }


def labelled(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten())


def listening(hearing: Hearing, bank: Bank, steps: int) -> tuple[Job, Listening]:
    module = Listening(hearing)
    trained = (hearing.whisper, module.phonemes, module.words, module.letters)
    return Job("listening", steps, 1.5e-3, partial(speech_batch, bank), module.losses, trained, seed=1), module


def tagging(hearing: Hearing, bank: Bank, steps: int) -> tuple[Job, Tagging]:
    module = Tagging(hearing)
    assert hearing.beats is not None
    trained = (hearing.beats, module.events, module.counts)
    return Job("tagging", steps, 2e-3, partial(sound_batch, bank), module.losses, trained, seed=2), module


def speech_batch(bank: Bank, dice: np.random.Generator, size: int = 24) -> Hear:
    """Spoken sentences in all kinds of noise, and now and then a sound in which nobody speaks."""
    said = [surrounded(bank.any(dice), dice) if dice.random() < 0.93 else wordless(dice) for _ in range(size)]
    tail = Tail.drawn(max(len(one.samples) for one in said), dice)
    assert tail is not None
    letters = [[LETTERS.index(letter) + 1 for letter in transcript(one.text)] for one in said]
    return Hear(
        waves=torch.stack([chunk(noisy(one.samples, dice)) for one in said]),
        tail=tail,
        phonemes=framed([one.phonemes for one in said], tail.frames),
        words=framed([word_numbers(one) for one in said], tail.frames),
        letters=torch.tensor([letter for line in letters for letter in line]),
        lengths=torch.tensor([len(line) for line in letters]),
    )


def surrounded(said: Utterance, dice: np.random.Generator) -> Utterance:
    """With up to a second of silence before it."""
    return placed(said, int(dice.integers(SAMPLE_RATE) * dice.random()), int(dice.integers(SAMPLE_RATE // 2)))


def wordless(dice: np.random.Generator) -> Utterance:
    heard = sound(dice)
    none = np.zeros(len(heard.labels), np.int16)
    return Utterance(heard.samples, "", none, none - 1)


def word_numbers(said: Utterance) -> npt.NDArray[np.int64]:
    """Number of the word that is spoken in each frame."""
    return np.array([*numbered(said.text), 0])[said.words]


def sound_batch(bank: Bank, dice: np.random.Generator, size: int = 24) -> tuple[Tensor, Tail, Tensor, Tensor]:
    """Waves, their tail, and for every column of patches the event and the count of beeps."""
    heard = [sound(dice, bank=bank) for _ in range(size)]
    tail = Tail.drawn(max(len(one.samples) for one in heard), dice)
    assert tail is not None
    events = framed([one.labels for one in heard], tail.frames).unflatten(1, (-1, BANDS)).amax(2)
    counts = framed([one.counts for one in heard], tail.frames, stretched=True).unflatten(1, (-1, BANDS)).amax(2)
    return torch.stack([chunk(one.samples) for one in heard]), tail, events, counts


def framed(labels: Sequence[npt.NDArray[np.integer]], frames: int, *, stretched: bool = False) -> Tensor:
    """Labels of several recordings: int64 [n, frames], 0 behind the end, or the last label there."""
    table = torch.zeros(len(labels), frames, dtype=torch.long)
    for row, line in zip(table, labels, strict=True):
        row[: len(line)] = torch.from_numpy(line.astype(np.int64))
        if stretched and len(line):
            row[len(line) :] = int(line[-1])
    return table
