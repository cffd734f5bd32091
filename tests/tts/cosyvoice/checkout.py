"""Speaks with a tiny model of one generation and the code of an upstream checkout; fails if anything is wrong.

python -m tests.tts.cosyvoice.checkout GENERATION EMPTY_FOLDER CHECKOUT
"""

from __future__ import annotations

import sys
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from tests.tts.cosyvoice.tiny import SPEAKERS, build, recording
from tts.recorded import Recorded
from tts.voice import Voice, VoiceError
from tts.voices.cosyvoice import CosyVoice, load_cosyvoice
from tts.voices.cosyvoice.likeness import prompt
from tts.voices.cosyvoice.repairs import END_OF_PROMPT, check_end_of_prompt

TEXT = "A somewhat longer text to be said here, isn't it?"


async def spoken(voice: Voice, text: str = TEXT, seed: int = 0) -> list[bytes]:
    async with aclosing(voice.synthesize(text, seed=seed)) as chunks:
        return [chunk async for chunk in chunks]


async def speak(model: CosyVoice) -> None:
    await model.start()
    number = model.generation.number
    imitated = model.imitate(Recorded("ada", recording(3.48), "Hello there.", "I agree.", "en", 0.0))
    for voice in (*model.voices(), imitated):
        once, again, other = [await spoken(voice, seed=seed) for seed in (1, 1, 2)]
        assert once == again != other
        if number > 1:
            assert [len(chunk) for chunk in once[:2]] == [2 * (25 * 960 - 8 * 480), 2 * 25 * 960]
    assert await spoken(imitated, "今天天气很好。", seed=1)
    if number > 1:
        assert await spoken(model.imitate(imitated._who, instructions="Whisper."), seed=1)  # type: ignore[arg-type]
    chunks = imitated.synthesize(20 * TEXT)
    await anext(chunks)
    await chunks.aclose()
    assert await spoken(imitated, "Hello.")
    assert model._own.model.hift_cache_dict == {}
    if number == 3:
        check_third(model)
    await model.close()


def check_third(model: CosyVoice) -> None:
    """The mark without which its code fails is in every prompt, and a tokenizer without it is refused."""
    own, known = model._own, model._known[SPEAKERS[0]]
    for instructions in ("", "Whisper."):
        before = prompt(own, 3, known, TEXT, None, instructions).before[0].tolist()
        assert before.count(own.frontend.tokenizer.encode(END_OF_PROMPT)[0]) == 1
    special, own.frontend.tokenizer.encode = own.frontend.tokenizer.encode, lambda text, **how: [1, 2]
    with pytest.raises(VoiceError, match="151646"):
        check_end_of_prompt(own.frontend)
    own.frontend.tokenizer.encode = special


if __name__ == "__main__":
    number, folder, home = int(sys.argv[1]), Path(sys.argv[2]) / sys.argv[1], Path(sys.argv[3])
    build(number, folder, home)
    anyio.run(speak, load_cosyvoice(str(folder), home=home))
