"""The embedded voice, with its real child process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.lowlevel
import espeakng_loader
import numpy as np
import numpy.typing as npt
import pytest

import tts
from tts.scripts import language_of
from tts.voice import VoiceError
from tts.voices.espeak import VARIANTS, EspeakVoice, espeak_names
from tts.voices.espeak_process import EspeakProcess

pytestmark = pytest.mark.anyio

LONG = "There is a good deal more to be said about this. " * 400


@pytest.fixture
async def process() -> AsyncIterator[EspeakProcess]:
    process = EspeakProcess()
    with anyio.fail_after(60):
        yield process
    await process.close()


@pytest.fixture
async def impatient() -> AsyncIterator[EspeakProcess]:
    process = EspeakProcess(patience=0.8)
    with anyio.fail_after(60):
        yield process
    await process.close()


@pytest.fixture
def voice(process: EspeakProcess) -> EspeakVoice:
    return EspeakVoice("default", process)


async def spoken(voice: EspeakVoice, text: str, lang: str | None = None, speed: float = 1.0) -> npt.NDArray[np.int16]:
    async with aclosing(voice.synthesize(text, lang=lang, speed=speed)) as chunks:
        return np.frombuffer(b"".join([chunk async for chunk in chunks]), "<i2")


def seconds(samples: npt.NDArray[np.int16]) -> float:
    return len(samples) / EspeakVoice.sample_rate


async def first_chunk(chunks: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(chunks)


async def test_speech_is_loud_and_as_long_as_its_text(voice: EspeakVoice) -> None:
    short, long = (
        await spoken(voice, "A short walk."),
        await spoken(voice, "A walk that is at least three times as long."),
    )
    assert np.abs(short).max() > 5000
    assert seconds(long) > 2 * seconds(short) > 1


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("你好，今天天气很好。", "zh"),
        ("PyTorch 是什么？", "zh"),
        ("こんにちは、お元気ですか。", "ja"),
        ("안녕하세요, 반갑습니다.", "ko"),
        ("Добрый вечер, друзья.", "ru"),
        ("مساء الخير يا أصدقاء", "ar"),
        ("नमस्ते, आप कैसे हैं?", "hi"),
        ("The word 你好 means hello.", None),
        ("3.14", None),
    ],
)
def test_the_script_tells_the_language(text: str, lang: str | None) -> None:
    assert language_of(text, None) == lang
    assert language_of(text, "fr") == (lang or "fr")


def test_a_language_is_kept_where_the_script_allows_it() -> None:
    assert language_of("漢字", "ja") == "ja"
    assert language_of("Привіт", "uk") == "uk"
    assert language_of("Bonjour", "zh") is None


def test_tags_become_names_that_espeak_has() -> None:
    assert espeak_names("zh-TW", "f2") == ["zh-tw+f2", "cmn+f2"]
    assert espeak_names("en") == ["en-us"]
    assert espeak_names("pt-BR") == ["pt-br", "pt"]


async def test_chinese_is_not_spelled_out_in_english(process: EspeakProcess, voice: EspeakVoice) -> None:
    text = "你好，今天天气很好。"
    english = b"".join([chunk async for chunk in process.speak(text, ["en-us"], 150)])
    assert seconds(await spoken(voice, text, "en")) < 0.7 * len(english) / 2 / EspeakVoice.sample_rate


async def test_regions_fall_back_to_their_language(voice: EspeakVoice) -> None:
    text = "Bonjour, comment allez-vous ?"
    assert seconds(await spoken(voice, text, "fr-CA")) == pytest.approx(
        seconds(await spoken(voice, text, "fr")), abs=0.05
    )


@pytest.mark.parametrize("lang", EspeakVoice.languages)
async def test_every_language_it_claims_exists(voice: EspeakVoice, lang: str) -> None:
    assert len(await spoken(voice, "1", lang))


async def test_an_unknown_language_is_an_error_and_leaves_the_voice_usable(voice: EspeakVoice) -> None:
    with pytest.raises(VoiceError, match="xx"):
        await spoken(voice, "Hello.", "xx")
    assert len(await spoken(voice, "Hello."))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_in_the_package(variant: str) -> None:
    # espeak takes an unknown variant for none, without an error.
    assert (Path(espeakng_loader.get_data_path()) / "voices" / "!v" / variant).is_file()


@pytest.mark.parametrize("speed", [0.25, 4.0])
async def test_speeds_that_espeak_itself_does_not_know(voice: EspeakVoice, speed: float) -> None:
    text = "This takes a while at the usual speed."
    sound, usual = await spoken(voice, text, speed=speed), await spoken(voice, text)
    assert seconds(sound) == pytest.approx(seconds(usual) / speed, rel=0.25)


async def test_speed_shortens(voice: EspeakVoice) -> None:
    text = "This takes a while at the usual speed."
    assert seconds(await spoken(voice, text, speed=2.0)) < 0.7 * seconds(await spoken(voice, text))


async def test_nothing_to_say_is_no_audio(voice: EspeakVoice) -> None:
    assert len(await spoken(voice, " \n")) == 0


async def test_long_texts_are_spoken_to_the_end(voice: EspeakVoice) -> None:
    whole, part = await spoken(voice, LONG[:4900]), await spoken(voice, LONG[:490])
    assert seconds(whole) == pytest.approx(10 * seconds(part), rel=0.05)


async def test_many_answers_share_the_process_without_mixing(process: EspeakProcess, voice: EspeakVoice) -> None:
    texts = ["word " * (3 * (number + 1)) for number in range(12)]
    alone = [seconds(await spoken(voice, text)) for text in texts]
    pid, together = process.pid, [0.0] * len(texts)

    async def speak(number: int) -> None:
        together[number] = seconds(await spoken(voice, texts[number]))

    async with anyio.create_task_group() as tasks:
        for number in range(len(texts)):
            tasks.start_soon(speak, number)
    assert together == pytest.approx(alone, abs=0.05)
    assert process.pid == pid


async def test_closing_stops_the_child_inside_its_synthesis(process: EspeakProcess) -> None:
    chunks = process.speak(LONG, ["en-us"], 80)
    await first_chunk(chunks)
    await chunks.aclose()
    status = await process.status()  # answered when the child is free again
    assert (status.spoken, status.cancelled) == (0, 1)
    minutes = len(LONG.split()) / 80
    assert status.samples < 0.5 * 60 * minutes * EspeakVoice.sample_rate


async def test_a_unit_cancelled_before_its_turn_is_never_begun(process: EspeakProcess) -> None:
    first, second = process.speak(LONG, ["en-us"], 80), process.speak("Never.", ["en-us"], 80)
    await first_chunk(first)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first_chunk, second)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    await second.aclose()
    await first.aclose()
    status = await process.status()
    assert (status.spoken, status.cancelled) == (0, 2)


async def test_a_dead_child_fails_its_unit_and_is_replaced(process: EspeakProcess, voice: EspeakVoice) -> None:
    chunks = process.speak(LONG, ["en-us"], 80)
    await first_chunk(chunks)
    dead = process.pid
    assert dead is not None
    os.kill(dead, signal.SIGKILL)
    with pytest.raises(VoiceError, match="ended"):
        async for _ in chunks:
            pass
    assert len(await spoken(voice, "And on we go."))
    assert process.pid != dead


async def test_a_child_that_hangs_is_replaced(impatient: EspeakProcess) -> None:
    process, voice = impatient, EspeakVoice("default", impatient)
    await process.start()
    hanging = process.pid
    assert hanging is not None
    os.kill(hanging, signal.SIGSTOP)
    with pytest.raises(VoiceError, match="ended"):
        await spoken(voice, "Nobody says this.")
    assert len(await spoken(voice, "And on we go."))
    assert process.pid != hanging
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)


async def test_a_child_that_hangs_with_a_unit_nobody_wants_is_replaced(impatient: EspeakProcess) -> None:
    process, voice = impatient, EspeakVoice("default", impatient)
    chunks = process.speak(LONG, ["en-us"], 80)
    await first_chunk(chunks)
    hanging = process.pid
    assert hanging is not None
    os.kill(hanging, signal.SIGSTOP)
    await chunks.aclose()
    with pytest.raises(VoiceError, match="ended"):
        await process.status()
    assert len(await spoken(voice, "And on we go."))
    assert process.pid != hanging


async def test_a_child_with_nothing_to_do_is_left_alone(impatient: EspeakProcess) -> None:
    process, voice = impatient, EspeakVoice("default", impatient)
    assert len(await spoken(voice, "Hello."))
    first = process.pid
    await anyio.sleep(1.0)
    assert len(await spoken(voice, "Hello."))
    assert process.pid == first


async def test_a_parent_that_was_held_up_does_not_blame_the_child(impatient: EspeakProcess) -> None:
    process, voice = impatient, EspeakVoice("default", impatient)
    await process.start()
    first = process.pid

    async def hold_up() -> None:
        await anyio.lowlevel.checkpoint()
        time.sleep(1.0)  # noqa: ASYNC251

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spoken, voice, "Hello, how are you?")
        tasks.start_soon(hold_up)
    assert process.pid == first


async def test_the_process_ends_with_its_last_voice(process: EspeakProcess) -> None:
    one, two = EspeakVoice("one", process), EspeakVoice("two", process, variant="m1")
    assert len(await spoken(one, "Hello."))
    await one.close()
    await one.close()
    assert len(await spoken(two, "Still here."))
    await two.close()
    with pytest.raises(VoiceError, match="closed"):
        await spoken(two, "Too late.")
    assert process.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_the_child_ends_when_its_parent_is_gone() -> None:
    program = [sys.executable, "-m", "tts.voices.espeak_child"]
    ended = subprocess.run(
        program, cwd=Path(tts.__file__).parent.parent, stdin=subprocess.DEVNULL, timeout=60, check=True
    )
    assert ended.returncode == 0
