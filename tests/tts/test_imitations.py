"""Recorded voices through the speaker: found, imitated, refused, and gone when they are deleted."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.scripted_voice import ScriptedVoice
from tests.tts.recordings import ScriptedImitator, recorded
from tests.tts.speaking import SENTENCES, enter, heard, quick, sound_of, spoken, text
from tts.events import Event
from tts.imitations import CannotImitateError
from tts.pool import BusyError
from tts.registry import FileRegistry, RegistryError
from tts.speaker import FixedVoiceError, Limits, Offered, Speaker, TakenNameError
from tts.voice import UnknownVoiceError

pytestmark = pytest.mark.anyio


@pytest.fixture
def registry(tmp_path: Path) -> FileRegistry:
    return FileRegistry(tmp_path / "voices")


def imitating(registry: FileRegistry, *imitators: ScriptedImitator, limits: Limits | None = None) -> Speaker:
    return Speaker([ScriptedVoice()], {"alloy": "default"}, limits, registry=registry, imitators=imitators)


def imitator(**script: object) -> ScriptedImitator:
    return ScriptedImitator(**{"seconds_per_char": 0.01} | script)


async def test_a_recorded_voice_speaks(registry: FileRegistry) -> None:
    imitates = imitator()
    speaker = imitating(registry, imitates)
    await speaker.add(recorded())
    assert await speaker.names() == ["default", "alloy", "anna"]
    pcm = await heard(speaker.say(text(SENTENCES[0]), "anna"))
    async with speaker.admit("anna") as place:
        assert await heard(place.say(text(SENTENCES[0]))) == pcm
    ((kept, voice),) = imitates.made  # made once for both
    assert kept == recorded()
    assert pcm == spoken(voice, SENTENCES[0])


async def test_every_name_is_offered_with_what_it_is(registry: FileRegistry) -> None:
    speaker = imitating(registry, imitator())
    await speaker.add(recorded())
    assert await speaker.offered() == [
        Offered("default", "built-in", ("en", "zh")),
        Offered("alloy", "alias", ("en", "zh")),
        Offered("anna", "recorded", ("en",)),
    ]


async def test_all_imitators_are_workers_of_every_voice(registry: FileRegistry) -> None:
    dying, good = imitator(slots=1, fail_on="", fail_after=1), imitator(slots=1)
    speaker = imitating(registry, dying, good)
    await speaker.add(recorded())
    pcm = await heard(speaker.say(text(SENTENCES[0]), "anna"))
    (_, failed), (_, voice) = dying.made[0], good.made[0]
    assert pcm == spoken(voice, SENTENCES[0])  # what the first one had said is not repeated
    assert failed.said == voice.said == [SENTENCES[0]]


async def test_a_voice_that_another_process_added_or_deleted(registry: FileRegistry) -> None:
    imitates = imitator()
    speaker = imitating(registry, imitates)
    await registry.add(recorded(transcript="first"))
    await heard(speaker.say(text(SENTENCES[0]), "anna"))
    await registry.delete("anna")
    with pytest.raises(UnknownVoiceError, match=r"'anna'.*default, alloy"):
        await enter(speaker.admit("anna"))
    assert imitates.made[0][1].closed
    await registry.add(recorded(transcript="second"))
    await heard(speaker.say(text(SENTENCES[0]), "anna"))
    assert [kept.transcript for kept, _ in imitates.made] == ["first", "second"]
    assert not imitates.made[1][1].closed


async def test_an_answer_that_has_begun_ends_with_its_voice(registry: FileRegistry) -> None:
    gate = anyio.Event()
    imitates = imitator(gate=gate, gate_after=1)
    speaker = imitating(registry, imitates)
    await speaker.add(recorded())
    rest: list[Event] = []
    async with speaker.say(text(SENTENCES[0]), "anna") as events:
        rest.append(await anext(events))
        await speaker.delete("anna")
        for refused in (speaker.say(text(SENTENCES[0]), "anna"), speaker.admit("anna")):
            with pytest.raises(UnknownVoiceError):
                await enter(refused)
        ((_, voice),) = imitates.made
        assert not voice.closed
        gate.set()
        rest += [event async for event in events]
    assert sound_of(rest) == spoken(voice, SENTENCES[0])
    assert voice.closed


async def test_a_voice_that_was_replaced_while_it_spoke_is_closed(registry: FileRegistry) -> None:
    imitates = imitator()
    speaker = imitating(registry, imitates)
    await speaker.add(recorded(transcript="first"))
    async with speaker.admit("anna"):
        await registry.delete("anna")
        await registry.add(recorded(transcript="second"))
        await enter(speaker.admit("anna"))
        assert [voice.closed for _, voice in imitates.made] == [False, False]
    assert [voice.closed for _, voice in imitates.made] == [True, False]


async def test_deleted_again(registry: FileRegistry) -> None:
    speaker = imitating(registry, imitator())
    await speaker.add(recorded())
    await speaker.delete("anna")
    with pytest.raises(UnknownVoiceError):
        await speaker.delete("anna")
    for name in ("default", "alloy"):
        with pytest.raises(FixedVoiceError, match=name):
            await speaker.delete(name)


async def test_no_name_is_given_twice(registry: FileRegistry) -> None:
    speaker = imitating(registry, imitator())
    await speaker.add(recorded())
    for name in ("anna", "default", "alloy"):
        with pytest.raises(TakenNameError, match=name):
            await speaker.add(recorded(name))
    assert await registry.names() == ["anna"]


async def test_own_voices_hide_recorded_ones_of_their_name(registry: FileRegistry) -> None:
    await registry.add(recorded("default"))  # by a server that has no voice of this name
    imitates = imitator()
    speaker = imitating(registry, imitates)
    assert await speaker.names() == ["default", "alloy"]
    await enter(speaker.admit("default"))
    assert not imitates.made


async def test_without_an_imitator(registry: FileRegistry) -> None:
    speaker = imitating(registry)
    await registry.add(recorded())
    for refused in (speaker.say(text("unheard"), "anna"), speaker.admit("anna")):
        with pytest.raises(CannotImitateError, match="cannot imitate"):
            await enter(refused)
    with pytest.raises(CannotImitateError):
        await speaker.add(recorded("bert"))
    with pytest.raises(UnknownVoiceError):
        await enter(speaker.admit("bert"))
    await speaker.delete("anna")


async def test_without_a_registry() -> None:
    speaker = Speaker([quick()], {})
    with pytest.raises(CannotImitateError):
        await speaker.add(recorded())
    with pytest.raises(UnknownVoiceError):
        await speaker.delete("anna")


async def test_own_voices_need_no_registry(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    speaker = imitating(FileRegistry(tmp_path / "file"), imitator())
    assert await heard(speaker.say(text(SENTENCES[0]), "alloy"))
    with pytest.raises(RegistryError):
        await enter(speaker.say(text(SENTENCES[0]), "anna"))


async def test_recorded_voices_are_admitted_like_others(registry: FileRegistry) -> None:
    speaker = imitating(registry, imitator(slots=1), limits=Limits(first_sound=1.0))
    await speaker.add(recorded())
    async with speaker.admit("anna") as place:
        place.pool.pace.learn(first_sound=0.2, unit_seconds=3.0, audio_seconds=4.0, letters=40)
        with pytest.raises(BusyError):
            await enter(speaker.admit("anna"))
        await enter(speaker.admit("default"))


async def test_as_many_as_are_kept_and_closed_at_the_end(registry: FileRegistry) -> None:
    imitates = imitator()
    speaker = imitating(registry, imitates)
    for number in range(66):
        await speaker.add(recorded(f"voice-{number}"))
        await enter(speaker.admit(f"voice-{number}"))
    assert [voice.closed for _, voice in imitates.made] == [True] * 2 + [False] * 64
    await enter(speaker.admit("voice-0"))
    assert len(imitates.made) == 67
    await speaker.close()
    await speaker.close()
    assert all(voice.closed for _, voice in imitates.made)


async def test_imitations_in_one_place_wait_for_each_other(registry: FileRegistry) -> None:
    gate = anyio.Event()
    imitates = imitator(slots=1, place="here", gate=gate)
    speaker = imitating(registry, imitates)
    for name in ("anna", "bert"):
        await speaker.add(recorded(name))
    async with speaker.admit("anna") as anna, speaker.admit("bert") as bert, anyio.create_task_group() as group:
        group.start_soon(heard, anna.say(text(SENTENCES[0])))
        await anyio.wait_all_tasks_blocked()
        assert bert.pool.full
        group.start_soon(heard, bert.say(text(SENTENCES[0])))
        await anyio.wait_all_tasks_blocked()
        assert [voice.said for _, voice in imitates.made] == [[SENTENCES[0]], []]
        gate.set()
    assert [voice.finished for _, voice in imitates.made] == [1, 1]
    await speaker.close()
    assert len(speaker._places._slots) == 1  # that of the voice of its own
