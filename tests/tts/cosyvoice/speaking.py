"""What the tests of CosyVoice share: tiny models, recordings, and listening."""

from collections.abc import Generator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.tts.cosyvoice.tiny import recording
from tts.recorded import Recorded
from tts.voice import Voice
from tts.voices.cosyvoice import CosyVoice

THEIR_WARNINGS = (
    # Of CosyVoice's code, on every chunk and not ours to change.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
)
TEXT = "A text to be said here."
SAMPLES = 960
"""In a token of 24 kHz speech."""


def recorded(
    name: str = "ada", seconds: float = 2.0, transcript: str = "Hello there.", lang: str | None = "en"
) -> Recorded:
    return Recorded(name, recording(seconds), transcript, "I agree.", lang, 0.0)


def link(folder: Path, into: Path, without: str) -> None:
    """Give another folder the same files but one."""
    for file in folder.iterdir():
        if file.name != without:
            (into / file.name).symlink_to(file)


async def chunks_of(voice: Voice, text: str = TEXT, **how: Any) -> list[npt.NDArray[np.int16]]:
    async with aclosing(voice.synthesize(text, **how)) as chunks:
        return [np.frombuffer(chunk, "<i2") async for chunk in chunks]


async def spoken(voice: Voice, text: str = TEXT, **how: Any) -> npt.NDArray[np.int16]:
    return np.concatenate(await chunks_of(voice, text, **how))


async def settled(model: CosyVoice) -> None:
    """Wait until every unit had a turn: those that were stopped are then gone."""

    def nothing() -> Generator[bytes | None, None, None]:
        yield b"."

    assert [chunk async for chunk in model._turns.results(nothing)] == [b"."]


def left_behind(model: CosyVoice) -> int:
    """Entries in the model's tables of sessions."""
    own = model._own.model
    names = ("tts_speech_token_dict", "llm_end_dict", "hift_cache_dict", "mel_overlap_dict", "flow_cache_dict")
    return sum(len(getattr(own, name, {})) for name in names)
