"""Hundreds of dialogues by chance, each the same every time: speech, silence, tokens, chunks, cancels, cuts, and a
client that vanishes at any step. What has to be so after each step is checked after each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
from anyio.lowlevel import checkpoint

from server.realtime.durable.memory import MemorySessions
from server.realtime.item_json import item_json
from server.realtime.items import Message, Spoken
from tests.server.realtime.driver import LOUD, Driver, driven, question, wave
from tests.server.realtime.stepped import SteppedEngine, SteppedVoice
from tests.server.realtime.test_barge_in import letters
from tests.server.realtime.test_resume import resume
from tests.server.realtime.test_tools import FILLER, WEATHER
from tts.plan import CHARS_PER_SECOND
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

STEPS = 16
EXPECTED = {
    "conversation_already_has_active_response",
    "response_cancel_not_active",
    "input_audio_buffer_commit_empty",
    "item_not_found",
    "invalid_item",
    "invalid_value",
    "invalid_call_id",
    "too_many_responses",
}
"""Errors that a client may cause that acts by chance; no other comes."""

Step = Callable[[], Awaitable[object]]


class Dialogue:
    """A client that acts by chance."""

    def __init__(self, client: Driver, engine: SteppedEngine, voice: SteppedVoice | None, chance: Random) -> None:
        self.client, self.engine, self.voice, self.chance = client, engine, voice, chance
        client.hasty = chance if chance.random() < 0.5 else None
        self._beside = ["text"] if voice is None or chance.random() < 0.7 else ["audio"]

    def choose(self) -> Step:
        """What to do next."""
        steps = {
            self.talk: 5,
            self.keep_silent: 5,
            self.token: 8,
            self.chunk: 6,
            self.let_time_pass: 6,
            self.ask: 2,
            self.write: 1,
            self.respond: 2,
            self.respond_beside: 1,
            self.cancel: 2,
            self.cut: 3,
            self.delete: 1,
            self.retrieve: 1,
            self.silence: 1,
            self.clear: 1,
            self.commit: 1,
            self.return_something: 2,
            self.change: 1,
        }
        (step,) = self.chance.choices(list(steps), list(steps.values()))
        return step

    async def talk(self) -> None:
        await self._speak(self.chance.choice([1, 3, 6]), 2 * LOUD)

    async def keep_silent(self) -> None:
        await self._speak(self.chance.choice([1, 3, 7]), 0)

    async def _speak(self, tenths: int, level: int) -> None:
        for _ in range(tenths):
            await self.client.append(wave(0.1, level))
            await self.client.wait(0.1)

    async def token(self) -> None:
        self.engine.steps.step()
        await self._go_on()

    async def chunk(self) -> None:
        if self.voice is not None:
            for _ in range(self.chance.choice([1, 4, 12])):
                self.voice.steps.step()
                await self._go_on()

    async def _go_on(self) -> None:
        """Until nothing is left to do, or not as long."""
        if self.client.hasty is None:
            await self.client.wait(0)
        for _ in range(self.chance.randrange(12)):
            await checkpoint()

    async def let_time_pass(self) -> None:
        await self.client.wait(self.chance.choice([0.03, 0.1, 0.5, 2.0]))

    async def ask(self) -> None:
        await self.client.ask("Count!")

    async def write(self) -> None:
        previous = self.chance.choice([None, "root", *self.client.known.order])
        await self.client.say("conversation.item.create", item=question("Hm."), previous_item_id=previous)

    async def respond(self) -> None:
        await self.client.say("response.create")

    async def respond_beside(self) -> None:
        asked = {"conversation": "none", "output_modalities": self._beside, "metadata": {"why": "beside"}}
        await self.client.say("response.create", response=asked)

    async def cancel(self) -> None:
        ids = [None, *self.client.known.responses]
        chosen = self.chance.choice(ids)
        await self.client.say("response.cancel", **({"response_id": chosen} if chosen else {}))

    async def cut(self) -> None:
        if self.client.known.order:
            place = {"item_id": self.chance.choice(self.client.known.order[-3:]), "content_index": 0}
            await self.client.say("conversation.item.truncate", **place, audio_end_ms=self.chance.randrange(3000))

    async def delete(self) -> None:
        if self.client.known.order:
            await self.client.say("conversation.item.delete", item_id=self.chance.choice(self.client.known.order))

    async def retrieve(self) -> None:
        if self.client.known.order:
            await self.client.item(self.chance.choice(self.client.known.order))

    async def silence(self) -> None:
        await self.client.say("output_audio_buffer.clear")

    async def clear(self) -> None:
        await self.client.say("input_audio_buffer.clear")

    async def commit(self) -> None:
        await self.client.say("input_audio_buffer.commit")

    async def return_something(self) -> None:
        calls = [item["call_id"] for item in self.client.known.items.values() if item["type"] == "function_call"]
        output = {"type": "function_call_output", "call_id": self.chance.choice([*calls, "none"]), "output": "30"}
        await self.client.say("conversation.item.create", item=output)
        await self.client.say("response.create")

    async def change(self) -> None:
        kinds: list[dict[str, Any] | None] = [None, {"type": "server_vad"}, {"type": "semantic_vad"}]
        await self.client.update(audio={"input": {"turn_detection": self.chance.choice(kinds)}})

    def check(self) -> None:
        """What is so at any time."""
        self.client.heard()
        known, conversation = self.client.known, self.client.shared.conversation
        assert len(known.active) <= 1
        assert known.order == [item.id for item in conversation.items]
        for item in conversation.items:
            assert known.agrees(item_json(item)), item
            self._check_heard(item)
        assert set(self.client.errors) <= EXPECTED
        if self._beside == ["text"]:  # nobody can say how two at once are heard
            self._check_cuts()

    def _check_cuts(self) -> None:
        """What is silenced is cut where the listener is, besides what the client has said of it."""
        cuts: list[tuple[str, int]] = []
        for event in self.client.events:
            if event["type"] == "output_audio_buffer.cleared" and cuts:
                heard = self.client.listener.cleared[event["response_id"]]
                places = [abs(ms - 1000 * heard.get(item_id, 0) / WIRE_RATE) for item_id, ms in cuts]
                assert min(places) <= 1, event
            is_cut = event["type"] == "conversation.item.truncated"
            cuts = [*cuts, (event["item_id"], event["audio_end_ms"])] if is_cut else []

    def _check_heard(self, item: object) -> None:
        """A word is in history only if it was heard, or is being heard now."""
        if not isinstance(item, Message) or item.status == "in_progress" or item.id not in self.client.known.sound:
            return
        (part,) = item.content
        if isinstance(part, Spoken):
            sent = len(self.client.known.sound[item.id]) / 2
            silenced = self.client.listener.was_silenced(item.id)
            heard = self.client.listener.samples(item.id, self.client.clock.now()) if silenced else sent
            # Words are placed by their letters, marks by their pauses: to a word.
            assert len(letters(part.transcript)) <= heard / WIRE_RATE * CHARS_PER_SECOND + len("thirteen")


def session_by(chance: Random) -> dict[str, Any]:
    detection = chance.choice(
        [
            {"type": "server_vad"},
            {"type": "server_vad", "idle_timeout_ms": 5000},
            {"type": "server_vad", "interrupt_response": False},
            {"type": "server_vad", "create_response": False},
            {"type": "semantic_vad", "eagerness": "high"},
            None,
        ]
    )
    ola = {
        "pacing": chance.choice(["realtime", "realtime", "none"]),
        "resume_interrupted": chance.random() < 0.5,
        "tool_filler": chance.choice([None, FILLER]),
    }
    transcription = chance.choice([None, {"model": "whisper-1"}])
    return {
        "tools": [WEATHER],
        "ola": ola,
        "audio": {"input": {"turn_detection": detection, "transcription": transcription}},
    }


@pytest.mark.parametrize("seeds", [range(at, at + 20) for at in range(0, 240, 20)], ids=lambda seeds: seeds.start)
async def test_dialogues(seeds: range) -> None:
    before = len(asyncio.all_tasks())
    for seed in seeds:
        try:
            await dialogue(Random(seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        assert len(asyncio.all_tasks()) == before, f"something is left running by {seed}"


async def dialogue(chance: Random) -> None:
    """One that ends, or breaks off and goes on elsewhere."""
    store, session = MemorySessions(), session_by(chance)
    aloud, breaks_off = chance.random() < 0.8, chance.random() < 0.5
    engine, voice = SteppedEngine(chance), SteppedVoice(chance) if aloud else None
    async with driven(engine, voice, session, sessions=store) as first:
        one = Dialogue(first, engine, voice, chance)
        await talked(one, chance.randrange(1, STEPS) if breaks_off else STEPS)
        if not breaks_off:
            await ended(one)
    assert all(response.done is not None for response in first.known.responses.values())
    if breaks_off:
        engine, voice = SteppedEngine(chance), SteppedVoice(chance) if aloud else None
        async with driven(engine, voice, sessions=store) as second:
            await resume(second, first)
            assert second.errors == []
            other = Dialogue(second, engine, voice, chance)
            await talked(other, STEPS // 2)
            await ended(other)


async def talked(dialogue: Dialogue, steps: int) -> None:
    for _ in range(steps):
        await dialogue.choose()()
        dialogue.check()


async def ended(dialogue: Dialogue) -> None:
    """Whatever happened: all comes to its end, and the next question is answered."""
    client, engine, voice = dialogue.client, dialogue.engine, dialogue.voice
    client.hasty = None
    for part in (engine, voice):
        if part is not None:
            part.steps.let_go()
    await client.update(audio={"input": {"turn_detection": None}})
    await client.wait(60)
    assert client.known.active == []
    assert await engine.running() == 0
    assert voice is None or not voice.active
    assert not [response for response in client.known.responses.values() if response.playing == "started"]
    dialogue.check()
    before = len(client.of("response.done"))
    await client.ask("Still there?")
    await client.wait(30)
    assert len(client.of("response.done")) > before
    dialogue.check()
