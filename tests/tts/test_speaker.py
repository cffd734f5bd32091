"""The speaker: names, order, rate, what closing stops."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import anyio
import numpy as np
import pytest

from tests.scripted_voice import ScriptedVoice
from tts.speaker import Speaker, default_speaker
from tts.voice import WIRE_RATE, UnknownVoiceError, VoiceError
from tts.voices.espeak import OPENAI_ALIASES

pytestmark = pytest.mark.anyio

OPENAI_NAMES = [
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar")
]


async def units(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def all_of(audio: AsyncGenerator[bytes, None]) -> bytes:
    async with aclosing(audio):
        return b"".join([chunk async for chunk in audio])


def samples(pcm: bytes) -> int:
    return len(pcm) // 2


async def test_units_are_spoken_in_order_and_whole() -> None:
    voice = ScriptedVoice()
    pcm = await all_of(Speaker([voice], {}).say(units("First one.", "Second one."), "default", speed=1.5))
    assert voice.said == ["First one.", "Second one."]
    assert voice.speeds == [1.5, 1.5]
    assert samples(pcm) == round(21 * 0.05 * WIRE_RATE)


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
async def test_the_wire_has_one_rate(rate: int) -> None:
    voice = ScriptedVoice(sample_rate=rate)
    pcm = await all_of(Speaker([voice], {}).say(units("ten chars.", "ten more.."), "default"))
    assert samples(pcm) == pytest.approx(WIRE_RATE, abs=2)
    level = np.sqrt(np.mean(np.square(np.frombuffer(pcm, "<i2").astype(float))))
    assert level == pytest.approx(8000 / np.sqrt(2), rel=0.03)


async def test_units_without_words_are_skipped() -> None:
    voice = ScriptedVoice()
    await all_of(Speaker([voice], {}).say(units("🎉", "**", "---", "  ", "Words."), "default"))
    assert voice.said == ["Words."]


async def test_nothing_to_say_is_no_audio() -> None:
    assert await all_of(Speaker([ScriptedVoice(sample_rate=22_050)], {}).say(units("🎉"), "default")) == b""


async def test_audio_leaves_before_the_next_unit_exists() -> None:
    second = anyio.Event()

    async def slowly() -> AsyncIterator[str]:
        yield "The first unit."
        await second.wait()
        yield "The second unit."

    voice = ScriptedVoice()
    async with aclosing(Speaker([voice], {}).say(slowly(), "default")) as audio:
        with anyio.fail_after(5):
            for _ in range(7):  # 0.7 of 0.75 s
                assert await anext(audio)
        second.set()
        assert len([chunk async for chunk in audio]) > 1


async def test_closing_stops_the_voice() -> None:
    voice = ScriptedVoice(gate=anyio.Event(), gate_after=1)
    audio = Speaker([voice], {}).say(units("A unit.", "Another."), "default")
    await anext(audio)
    assert voice.active == 1
    await audio.aclose()
    assert (voice.active, voice.stopped, voice.said) == (0, 1, ["A unit."])


async def test_a_cancelled_listener_stops_the_voice() -> None:
    voice = ScriptedVoice(gate=anyio.Event(), gate_after=1)
    speaker, listening = Speaker([voice], {}), anyio.Event()

    async def listen() -> None:
        async with aclosing(speaker.say(units("A long unit."), "default")) as audio:
            async for _ in audio:
                listening.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        with anyio.fail_after(5):
            await listening.wait()
        tasks.cancel_scope.cancel()
    assert (voice.active, voice.stopped) == (0, 1)


async def test_a_failing_unit_is_an_error() -> None:
    voice = ScriptedVoice(fail_on="bad")
    with pytest.raises(VoiceError):
        await all_of(Speaker([voice], {}).say(units("good", "bad"), "default"))
    assert voice.active == 0


async def test_an_unknown_voice_lists_the_known_at_once() -> None:
    speaker = Speaker([ScriptedVoice("default"), ScriptedVoice("anna")], {"alloy": "anna"})
    assert speaker.names() == ["default", "anna", "alloy"]
    assert speaker.resolve("alloy").name == "anna"
    with pytest.raises(UnknownVoiceError, match=r"bert.*default, anna, alloy") as raised:
        speaker.say(units("unheard"), "bert")
    assert raised.value.known == speaker.names()


async def test_an_alias_of_nothing_is_refused() -> None:
    with pytest.raises(UnknownVoiceError):
        Speaker([ScriptedVoice("default")], {"alloy": "anna"})


async def test_start_and_close_reach_every_voice() -> None:
    voices = [ScriptedVoice("one"), ScriptedVoice("two")]
    speaker = Speaker(voices, {})
    await speaker.start()
    await speaker.close()
    await speaker.close()
    assert all(voice.started and voice.closed for voice in voices)


async def test_the_default_speaker_speaks_under_every_openai_name() -> None:
    speaker = default_speaker()
    assert set(OPENAI_NAMES) == set(OPENAI_ALIASES)
    try:
        for name in ["default", *OPENAI_NAMES]:
            pcm = await all_of(speaker.say(units("Hello there, how are you?"), name))
            assert 0.8 < samples(pcm) / WIRE_RATE < 4
    finally:
        await speaker.close()
