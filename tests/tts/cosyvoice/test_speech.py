"""Listeners who leave CosyVoice, and faults while it speaks."""

import gc
import os
import threading
import time
from collections.abc import Generator
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
import torch

from tests.tts.cosyvoice.speaking import (
    TEXT,
    THEIR_WARNINGS,
    left_behind,
    recorded,
    settled,
    spoken,
)
from tts.voice import VoiceError
from tts.voices.cosyvoice import CosyVoice
from tts.voices.cosyvoice import speech as speeches

pytestmark = [pytest.mark.anyio, *THEIR_WARNINGS]


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_closing_stops_the_language_model_within_a_tenth_of_a_second(model: CosyVoice) -> None:
    took = []
    for _ in range(5):  # the machine may be busy; the code is not
        chunks = model.voices()[0].synthesize(10 * TEXT)
        await anext(chunks)  # next come dozens of steps of the language model
        began = time.perf_counter()
        await chunks.aclose()
        await settled(model)
        took.append(time.perf_counter() - began)
        assert left_behind(model) == model.busy == 0
    assert min(took) < 0.1


async def test_ten_thousand_abandoned_units_leave_nothing_behind(
    model: CosyVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts, prompts, tables, thread and turns are real; the language model is not, which is tested above."""

    def endless(**question: Any) -> Generator[int, None, None]:
        return (token % 6000 for token in count())

    async def abandon(number: int) -> None:
        chunks = voice.synthesize(f"Text {number}.", seed=number)
        with anyio.move_on_after(0 if number % 2 else 0.0003):
            async with aclosing(chunks):
                await anext(chunks)

    monkeypatch.setattr(model._own.model.llm, "inference", endless)
    monkeypatch.setattr(model._own.model, "token2wav", lambda **question: torch.zeros(1, 100))
    voice = model.voices()[0]
    for number in range(1000):
        await abandon(number)
    await settled(model)
    gc.collect()
    threads, memory, objects = threading.active_count(), resident(), len(gc.get_objects())
    for number in range(9000):
        await abandon(number)
    await settled(model)
    gc.collect()
    assert left_behind(model) == model.busy == 0
    assert threading.active_count() == threads
    assert len(gc.get_objects()) < objects + 1000
    assert resident() < memory + (16 << 20)


async def test_a_hundred_abandoned_units_of_the_real_model(model: CosyVoice) -> None:
    voice = model.imitate(recorded())
    await spoken(voice, "Hello.")
    threads = threading.active_count()
    for number in range(100):
        chunks = voice.synthesize(TEXT, seed=number)
        with anyio.move_on_after(0.01):
            await anext(chunks)
        await chunks.aclose()
    await settled(model)
    assert left_behind(model) == model.busy == 0
    assert threading.active_count() == threads
    assert len(await spoken(voice)) > 0


@pytest.mark.parametrize("part", ["llm.forward_one_step", "flow.inference", "hift.inference"])
async def test_an_error_surfaces_at_once(model: CosyVoice, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def failing(*arguments: object, **named: object) -> None:
        raise AssertionError("scripted")

    first, method = part.split(".")
    owner = getattr(model._own.model, first)
    owner = owner.llm if first == "llm" else owner
    with monkeypatch.context() as patch:
        patch.setattr(owner, method, failing)
        with anyio.fail_after(20), pytest.raises(VoiceError, match="scripted"):
            await spoken(model.voices()[0])
    assert left_behind(model) == 0
    assert len(await spoken(model.voices()[0], "Hello.")) > 0


async def test_a_unit_that_does_not_end(model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeches, "LONGEST", 2.0)
    with pytest.raises(VoiceError, match="longer than 2 s"):
        await spoken(model.voices()[0], 10 * TEXT)
    assert left_behind(model) == 0


async def test_a_unit_without_a_token(model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model._own.model.llm, "inference", lambda **question: (token for token in list[int]()))
    with pytest.raises(VoiceError, match="no sound"):
        await spoken(model.voices()[0])
