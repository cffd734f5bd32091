"""The voice activity model: alone as in a crowd, in any cut, whoever leaves, and on real speech."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import numpy.typing as npt
import pytest

from server.realtime.hearing import vad as module
from server.realtime.hearing.vad import Vad, VadError, VadStream
from server.realtime.hearing.windows import WINDOW
from tests.server.realtime.hearing.speech import Speech, noisy, pcm, seconds

pytestmark = pytest.mark.anyio

Samples = npt.NDArray[np.int16]


def windows(data: bytes) -> Samples:
    samples = np.frombuffer(data, "<i2")
    return samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)


async def probabilities(vad: Vad, stream: VadStream, sound: Samples) -> list[float]:
    return [window.probability for window in await vad.hear(stream, sound)]


@pytest.fixture
async def talk(speech: Speech) -> Samples:
    """Half a second of silence, speech, half a second of silence, in some noise."""
    said = await speech.say("There is a river in the north.")
    return windows(pcm(noisy(np.concatenate((seconds(0.512), said, seconds(0.5))), -60)))


async def test_speech_is_probable_where_there_is_some(vad: Vad, talk: Samples) -> None:
    heard = await probabilities(vad, vad.stream(), talk)
    assert max(heard[:15]) < 0.1
    assert np.mean(np.array(heard[18:-18]) > 0.5) > 0.9
    assert max(heard[-8:]) < 0.2


async def test_any_cut_is_heard_the_same(vad: Vad, talk: Samples) -> None:
    whole = await probabilities(vad, vad.stream(), talk)
    for step in (1, 2, 3, 7, 8, 9, 30):
        stream, heard = vad.stream(), list[float]()
        for at in range(0, len(talk), step):
            heard += await probabilities(vad, stream, talk[at : at + step])
        assert heard == pytest.approx(whole, abs=1e-5)


async def test_nothing_is_heard_of_nothing(vad: Vad, talk: Samples) -> None:
    stream = vad.stream()
    assert await probabilities(vad, stream, talk[:0]) == []
    assert not stream.state.any()


async def test_a_crowd_is_heard_as_each_alone(vad: Vad, talk: Samples) -> None:
    talks: list[Samples] = [np.roll(talk, 7 * index, axis=0) for index in range(30)]
    alone = [await probabilities(vad, vad.stream(), each) for each in talks]
    together: list[list[float]] = [[] for _ in talks]

    async def listen(index: int) -> None:
        stream, step = vad.stream(), 1 + index % 11
        for at in range(0, len(talk), step):
            together[index] += await probabilities(vad, stream, talks[index][at : at + step])

    async with anyio.create_task_group() as group:
        for index in range(len(talks)):
            group.start_soon(listen, index)
    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, abs=1e-4)


@pytest.fixture
def rounds(vad: Vad, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """How many windows of each call every inference round had before it."""
    seen: list[list[int]] = []
    hear: Callable[[list[Any]], None] = vad._hear

    def watched(calls: list[Any]) -> None:
        seen.append([len(call.windows) for call in calls])
        hear(calls)

    monkeypatch.setattr(vad, "_hear", watched)
    return seen


async def test_those_that_come_together_are_heard_together(vad: Vad, talk: Samples, rounds: list[list[int]]) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(probabilities, vad, vad.stream(), talk[:3])
    assert rounds == [[3] * 50]


async def test_a_long_append_does_not_hold_up_the_others(vad: Vad, talk: Samples, rounds: list[list[int]]) -> None:
    long = np.concatenate([talk] * 20)
    ended: list[str] = []

    async def listen(name: str, sound: Samples) -> None:
        await probabilities(vad, vad.stream(), sound)
        ended.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(listen, "long", long, name="long")
        await anyio.lowlevel.checkpoint()
        group.start_soon(listen, "short", talk[:2], name="short")
    assert ended == ["short", "long"]
    assert sum(count for each in rounds for count in each) == len(long) + 2
    assert max(max(each) for each in rounds) == 8
    assert sum(len(each) == 2 for each in rounds) == 1


@pytest.mark.parametrize("who", [0, 1, 2])
async def test_whoever_leaves_the_others_are_heard(vad: Vad, talk: Samples, who: int) -> None:
    expected = await probabilities(vad, vad.stream(), talk)
    heard: dict[int, list[float]] = {}
    scopes = [anyio.CancelScope() for _ in range(3)]

    async def listen(index: int) -> None:
        with scopes[index]:
            heard[index] = await probabilities(vad, vad.stream(), talk)

    for turns in range(12):  # event loop turns before somebody leaves
        heard.clear()
        scopes[:] = [anyio.CancelScope() for _ in range(3)]
        async with anyio.create_task_group() as group:
            for index in range(3):
                group.start_soon(listen, index)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            scopes[who].cancel()
        assert {0, 1, 2} - {who} <= heard.keys()
        assert all(each == pytest.approx(expected, abs=1e-4) for each in heard.values())
        assert vad._running is None
        assert vad._next is None


async def test_an_inference_that_fails_fails_those_that_wait_and_no_other(
    vad: Vad, talk: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 0

    async def listen() -> None:
        nonlocal failures
        try:
            await probabilities(vad, vad.stream(), talk)
        except ZeroDivisionError:
            failures += 1

    with monkeypatch.context() as patch:
        patch.setattr(vad, "_infer", lambda sound, state: 1 / 0)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(listen)
    assert failures == 3
    assert len(await probabilities(vad, vad.stream(), talk)) == len(talk)


def test_neither_torch_nor_the_package_is_imported() -> None:
    use = "from server.realtime.hearing.vad import Vad; Vad()"
    code = f"import sys; {use}; print({{'torch', 'silero_vad'}} & {{*sys.modules}})"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"set()\n"


def test_without_the_package_one_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(VadError, match="silero-vad"):
        Vad()


def test_a_package_without_the_model_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: SimpleNamespace(origin=__file__))
    with pytest.raises(VadError, match="cannot be loaded"):
        Vad()
