"""What is heard of CosyVoice, through its own code with a tiny random CosyVoice2."""

from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.tts.cosyvoice.speaking import SAMPLES, TEXT, THEIR_WARNINGS, chunks_of, link, recorded, spoken
from tests.tts.cosyvoice.tiny import SPEAKERS, installed_code
from tts.recorded import Imitator
from tts.voice import Voice, VoiceError
from tts.voices.cosyvoice import CosyVoice, load_cosyvoice

pytestmark = [pytest.mark.anyio, *THEIR_WARNINGS]


async def test_voices_are_the_speakers_that_the_model_knows(model: CosyVoice) -> None:
    voices: list[Voice] = [*model.voices()]
    assert tuple(voice.name for voice in voices) == SPEAKERS
    assert {voice.sample_rate for voice in voices} == {24_000}
    assert {voice.slots for voice in voices} == {4}
    imitator: Imitator = model
    assert imitator.imitate(recorded()).name == "ada"


async def test_a_chunk_is_as_long_as_the_sound_before_it(model: CosyVoice) -> None:
    for voice in (*model.voices(), model.imitate(recorded(seconds=3.48))):
        lengths = [len(chunk) for chunk in await chunks_of(voice, 3 * TEXT)]
        # Of each chunk 8 frames of 480 samples wait, to be blended with the next one.
        assert lengths[:3] == [25 * SAMPLES - 8 * 480, 25 * SAMPLES, 50 * SAMPLES]
        assert sum(lengths) % SAMPLES == 0
        assert sum(lengths) >= 2 * len(3 * TEXT) * SAMPLES


async def test_sound_is_finite_and_not_silent(model: CosyVoice) -> None:
    samples = await spoken(model.voices()[0])
    assert 50 < np.abs(samples.astype(int)).max() < 32767


async def test_the_tokens_are_those_of_its_own_code(model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[int]] = []
    own, token2wav = model._own, model._own.model.token2wav

    def listening(**question: Any) -> Any:
        if question["finalize"]:
            said.append(question["token"][0].tolist())
        return token2wav(**question)

    monkeypatch.setattr(own.model, "token2wav", listening)
    torch.manual_seed(3)
    theirs = list(own.inference_sft(TEXT, SPEAKERS[0], stream=False, text_frontend=False))
    ours = await spoken(model.voices()[0], seed=3)
    assert said[0] == said[1]
    assert len(ours) == theirs[0]["tts_speech"].shape[1]


async def test_one_seed_is_one_speech(model: CosyVoice) -> None:
    voice = model.imitate(recorded())
    once, again, other = [await spoken(voice, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(once, again)
    assert not np.array_equal(once[: len(other)], other[: len(once)])


async def test_together_they_say_what_each_says_alone(model: CosyVoice) -> None:
    texts = ["A few words.", "And some more words than before.", "你好，今天天气很好。", TEXT]
    voices = [*model.voices(), model.imitate(recorded()), model.imitate(recorded("bob", 1.0))]
    alone = [await spoken(voice, text, seed=7) for voice, text in zip(voices, texts, strict=True)]
    together: dict[int, npt.NDArray[np.int16]] = {}

    async def speak(number: int) -> None:
        together[number] = await spoken(voices[number], texts[number], seed=7)

    async with anyio.create_task_group() as tasks:
        for number in range(len(texts)):
            tasks.start_soon(speak, number)
    for number, samples in enumerate(alone):
        assert np.array_equal(samples, together[number])


async def test_slots_are_shared(folder: Path) -> None:
    model = load_cosyvoice(str(folder), home=installed_code(), slots=1)
    most = 0

    async def speak(voice: Voice) -> None:
        nonlocal most
        async with aclosing(voice.synthesize("Hello there.")) as chunks:
            async for _ in chunks:
                most = max(most, model.busy)

    async with anyio.create_task_group() as tasks:
        for voice in (*model.voices(), model.imitate(recorded())):
            tasks.start_soon(speak, voice)
    assert most <= 1
    await model.close()


@pytest.mark.parametrize("speed", [0.25, 0.7, 2.0])
async def test_speed_is_kept_while_streaming(model: CosyVoice, speed: float) -> None:
    plain = await spoken(model.voices()[0], 2 * TEXT, seed=1)
    chunks = await chunks_of(model.voices()[0], 2 * TEXT, seed=1, speed=speed)
    assert sum(map(len, chunks)) == pytest.approx(len(plain) / speed, rel=0.05)
    assert len(chunks) > 1


async def test_a_speed_that_nobody_could_follow(model: CosyVoice) -> None:
    with pytest.raises(VoiceError, match="Speed 9"):
        await spoken(model.voices()[0], speed=9.0)


@pytest.mark.parametrize("text", ["", "  \n", "…", "?!", "<|endofprompt|>"])
async def test_nothing_to_say_is_no_sound(model: CosyVoice, text: str) -> None:
    assert await chunks_of(model.voices()[0], text) == []


async def test_a_language_that_it_does_not_speak(model: CosyVoice) -> None:
    with pytest.raises(VoiceError, match="'ru', only zh"):
        await spoken(model.voices()[0], "Добрый вечер, друзья.")
    with pytest.raises(VoiceError, match="'de'"):
        await spoken(model.voices()[0], "Guten Abend.", lang="de")


async def test_it_warms_up_once_and_needs_no_speaker_for_it(folder: Path, tmp_path: Path) -> None:
    link(folder, tmp_path, without="spk2info.pt")
    model = load_cosyvoice(str(tmp_path), home=installed_code())
    assert model.voices() == []
    await model.imitate(recorded()).start()
    assert len(model._heard) == 1
    await model.start()
    await model.close()
    await model.close()
    with pytest.raises(VoiceError, match="closed"):
        await spoken(model.imitate(recorded()))
