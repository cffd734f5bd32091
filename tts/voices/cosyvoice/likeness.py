"""What the model knows of a speaker, and what it is given of it for one unit.

Knows CosyVoice's ways of speaking, no threads and no sound that is made.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from tts.scripts import base, language_of
from tts.voice import VoiceError
from tts.voices.cosyvoice.repairs import END_OF_PROMPT

CHUNK = 25
"""Speech tokens in the blocks that the flow model was trained on: a second."""
_HEARING_RATE = 16_000
"""Hz at which the speech tokenizer and the speaker model listen."""
_SHORTEST, _LONGEST = 0.5, 30.0
"""Seconds of a recording."""
_ENOUGH = 0.5
"""Share of the transcript's length below which a text is spoken badly in continuation of it."""
_FIRST_GENERATION_END_OF_PROMPT = "<endofprompt>"
_SYSTEM = "You are a helpful assistant."
"""What the third generation's prompts begin with."""
_TAGGED = ("zh", "en", "ja", "yue", "ko")
"""Languages that the first generation has marks for."""
_MARK = re.compile(r"<\|[^|]*\|>")
_TO_KATAKANA = {hiragana: hiragana + 0x60 for hiragana in range(0x3041, 0x3097)}


def _no_tokens() -> Tensor:
    return torch.zeros(1, 0, dtype=torch.int32)


@dataclass(frozen=True, slots=True)
class Likeness:
    """A speaker, as tensors. Without a recording only the embedding is known: a speaker of the training."""

    embedding: Tensor
    """float32 [1, 192]."""
    transcript: str = ""
    lang: str | None = None
    tokens: Tensor = field(default_factory=_no_tokens)
    """int32 [1, n]: the whole recording, for the language model, which needs it to match the transcript."""
    flow_tokens: Tensor = field(default_factory=_no_tokens)
    """int32 [1, m]: its end, in whole blocks, so that the first block of a unit need not fill one up."""
    features: Tensor = field(default_factory=lambda: torch.zeros(1, 0, 80))
    """float32 [1, frames, 80] of the mel spectrogram, in time with `flow_tokens`."""

    @property
    def recorded(self) -> bool:
        """It was taken from a recording."""
        return bool(self.flow_tokens.shape[1])


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is given for one unit."""

    text: Tensor
    """int32 [1, n]: what is to be said."""
    before: Tensor
    """int32 [1, n]: text before it that is not said: the transcript, or an instruction."""
    tokens: Tensor
    """int32 [1, n]: the speech of that text, if there is any."""
    voice: Tensor
    """float32 [1, 192], or [0, 192]: the embedding that the language model of the first generation gets."""
    likeness: Likeness


def listen(own: Any, recording: bytes, transcript: str, lang: str | None) -> Likeness:
    """A likeness of whoever speaks in a recording: tenths of a second of work, no matter how often it is used.

    Raises:
        VoiceError: the recording cannot be used.
    """
    samples, rate = _decoded(recording)
    heard = torch.from_numpy(soxr.resample(samples, rate, _HEARING_RATE))[None]
    frontend = own.frontend
    tokens, _ = frontend._extract_speech_token(heard)
    at_home = torch.from_numpy(soxr.resample(samples, rate, own.sample_rate))[None]
    features, _ = frontend._extract_speech_feat(at_home)
    embedding = frontend._extract_spk_embedding(heard)
    return Likeness(embedding, transcript, lang or language_of(transcript, None), *_in_time(own, tokens, features))


def _decoded(recording: bytes) -> tuple[np.ndarray[Any, np.dtype[np.float32]], int]:
    try:
        samples, rate = soundfile.read(io.BytesIO(recording), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        raise VoiceError(f"The recording is no sound file: {error}") from error
    seconds = len(samples) / rate
    if not _SHORTEST <= seconds <= _LONGEST or rate < _HEARING_RATE:
        raise VoiceError(
            f"The recording has {seconds:.1f} s at {rate} Hz; {_SHORTEST} to {_LONGEST:.0f} s at {_HEARING_RATE} Hz or "
            "more are needed."
        )
    return samples.mean(axis=1), rate


def _in_time(own: Any, tokens: Tensor, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The tokens for the language model, and those and the frames for the flow."""
    ratio = getattr(own.model.flow, "token_mel_ratio", None)
    if ratio is None:  # the first generation stretches one to the other
        return tokens, tokens, features
    length = min(tokens.shape[1], features.shape[1] // ratio)
    tokens, features = tokens[:, :length], features[:, : ratio * length]
    # From the front: what is made goes on from the recording's end.
    surplus = length % CHUNK if length > CHUNK else 0
    return tokens, tokens[:, surplus:], features[:, ratio * surplus :]


def known_speaker(name: str, entry: dict[str, Any], own: Any) -> Likeness:
    """A speaker that comes with the model, from its spk2info.pt: an embedding, or what upstream saved of a recording.

    Raises:
        VoiceError: it is neither.
    """
    if "embedding" in entry:
        return Likeness(entry["embedding"])
    try:
        tokens = _in_time(own, entry["flow_prompt_speech_token"], entry["prompt_speech_feat"])
        transcript = own.frontend.tokenizer.decode(entry["prompt_text"][0].tolist())
        transcript = _MARK.sub("", transcript).removeprefix(_SYSTEM)
        return Likeness(entry["flow_embedding"], transcript, language_of(transcript, None), *tokens)
    except (KeyError, TypeError, AttributeError) as error:
        raise VoiceError(f"spk2info.pt has no embedding for {name!r}.") from error


def prompt(own: Any, generation: int, likeness: Likeness, text: str, lang: str | None, instructions: str) -> Prompt:
    """How this speaker is made to say this text.

    A recording is continued, unless an instruction takes its place, the text is in another language, or it is so short
    that the model would go on with the recording's text: then only the sound of the voice is taken from it.
    """
    continued = (
        likeness.recorded
        and not instructions
        and _same_language(text, lang, likeness.lang)
        and len(text) >= _ENOUGH * len(likeness.transcript)
    )
    before = clean(likeness.transcript, generation, likeness.lang) if continued else ""
    if instructions:
        before = clean(instructions, generation, None) + (
            _FIRST_GENERATION_END_OF_PROMPT if generation == 1 else END_OF_PROMPT
        )
    if generation == 3:
        before = f"{_SYSTEM} {before}" if instructions else f"{_SYSTEM}{END_OF_PROMPT}{before}"
    spoken = clean(text, generation, lang)
    if generation == 1 and likeness.recorded and not continued:
        tag = base(language_of(text, lang) or "en")
        spoken = f"<|{tag}|>{spoken}" if tag in _TAGGED else spoken
    return Prompt(
        text=_encoded(own.frontend, spoken),
        before=_encoded(own.frontend, before) if before else _no_tokens(),
        tokens=likeness.tokens if continued else _no_tokens(),
        voice=torch.zeros(0, 192) if instructions and generation == 1 else likeness.embedding,
        likeness=likeness,
    )


def clean(text: str, generation: int, lang: str | None) -> str:
    """What the tokenizer gets: no marks that steer the model, and for the third generation katakana, no hiragana."""
    text = " ".join(_MARK.sub(" ", text).split())
    if generation == 3 and base(language_of(text, lang) or "") == "ja":
        text = text.translate(_TO_KATAKANA)
    return text


def _same_language(text: str, lang: str | None, recorded: str | None) -> bool:
    if recorded is None:  # in Latin script, which tells no more
        return language_of(text, None) is None
    spoken = language_of(text, lang or recorded)
    return spoken is not None and base(spoken) == base(recorded)


def _encoded(frontend: Any, text: str) -> Tensor:
    # Not through text_normalize: it would cut the text once more, and turn the point of 3.14 into a Chinese stop.
    tokens = frontend.tokenizer.encode(text, allowed_special=frontend.allowed_special)
    return torch.tensor([tokens], dtype=torch.int32)
