"""An answer on its way out: order, pace, back-pressure, calls, failures, and an end at any point in time."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from engine.api import EngineError
from server.metrics import Metrics
from server.narrator import Narrator
from server.realtime.playback import LEAD, Playback
from server.realtime.reply import Event, Failed, Finished, Reply, replying
from server.realtime.sources import asked, continued, saying, unheard
from server.realtime.written import CallArguments, CallBegun, CallEnded, Text, Writer, Written
from tests.hand_clock import HandClock, settled
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.served import ASK, quick_voice, spoken_bytes
from tts.events import Begun, Ended, Skipped, Sound
from tts.speaker import Limits, Speaker
from tts.timeline import Timeline
from tts.voice import WIRE_RATE, VoiceError

pytestmark = pytest.mark.anyio

WORDS = ("The first ", "sentence is ", "here. The ", "second one ", "follows it.")
CALL = [
    {"delta": {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather"}}]}},
    {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}},
    {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '"Rome"}'}}]}},
]
CALLS_END: dict[str, Any] = {"delta": {}, "finish_reason": "tool_calls", "stop_reason": None}


class Talk:
    """One reply over scripted parts: what came of it, and when."""

    def __init__(self, events: Reply, engine: ScriptedEngine, voice: ScriptedVoice, clock: HandClock) -> None:
        self.reply, self.engine, self.voice, self.clock = events, engine, voice, clock
        self.playback = Playback()
        self.events: list[Event] = []
        self.times: list[float] = []
        self.over = anyio.Event()

    async def listen(self) -> None:
        async for event in self.reply:
            self.events.append(event)
            self.times.append(self.clock.now())
        self.over.set()

    @property
    def sound(self) -> bytes:
        return b"".join(event.pcm for event in self.events if isinstance(event, Sound))

    @property
    def text(self) -> str:
        return "".join(event.delta for event in self.events if isinstance(event, Text))


@asynccontextmanager
async def narrating(voice: ScriptedVoice, limits: Limits | None = None) -> AsyncGenerator[Narrator, None]:
    async with Speaker([voice], {}, limits).admit(voice.name) as place:
        yield Narrator(place, "pcm16", Metrics())


@asynccontextmanager
async def talking(
    engine: ScriptedEngine, voice: ScriptedVoice | None = None, playback: Playback | None = None
) -> AsyncGenerator[Talk, None]:
    """A reply whose events are taken as they come, while the block runs."""
    clock, playback, voice = HandClock(), playback or Playback(), voice or quick_voice()
    async with (
        narrating(voice) as narrator,
        replying(asked(engine, ASK), narrator, clock, playback) as events,
        anyio.create_task_group() as group,
    ):
        talk = Talk(events, engine, voice, clock)
        talk.playback = playback
        group.start_soon(talk.listen)
        yield talk
        group.cancel_scope.cancel()


async def written(deltas: Sequence[Any], **script: Any) -> list[Event]:
    """A text reply to its end."""
    engine = ScriptedEngine(deltas, **script)
    async with replying(asked(engine, ASK), None, HandClock(), Playback()) as events:
        return [event async for event in events]


async def test_an_answer_in_text_and_sound() -> None:
    async with talking(ScriptedEngine(WORDS), quick_voice()) as talk:
        await talk.clock.advance(10)
        assert talk.over.is_set()
    assert talk.text == "".join(WORDS)
    assert len(talk.sound) == spoken_bytes(talk.voice)
    begun = [event for event in talk.events if isinstance(event, Begun)]
    ended = [event.at for event in talk.events if isinstance(event, Ended)]
    assert " ".join(event.text for event in begun) == "".join(WORDS)
    assert len(begun) == len(ended)
    assert ended[-1] == len(talk.sound) / 2 == talk.playback.samples_sent
    (end,) = [event for event in talk.events if isinstance(event, Written)]
    assert talk.events[-1] == Finished("stop", end.usage, None)
    assert end.usage is not None
    assert end.usage["completion_tokens"] == len(WORDS)


async def test_sound_goes_its_lead_ahead_of_time_and_text_at_once() -> None:
    voice = quick_voice(seconds_per_char=0.1)
    async with talking(ScriptedEngine(WORDS), voice) as talk:
        await settled()
        assert talk.text == "".join(WORDS)
        assert isinstance(talk.events[-1], Sound)
        assert LEAD - 0.1 <= talk.playback.samples_sent / WIRE_RATE <= LEAD
        for _ in range(20):
            await talk.clock.advance(0.1)
            ahead = talk.playback.samples_sent - talk.playback.heard(talk.clock.now())
            assert LEAD - 0.1 <= ahead / WIRE_RATE <= LEAD
    assert all(len(event.pcm) <= WIRE_RATE / 5 for event in talk.events if isinstance(event, Sound))


async def test_sound_in_small_pieces_leaves_in_frames_but_for_what_would_wait() -> None:
    """The lead is filled as the voice speaks, and no unit's end waits for the next unit."""
    voice = quick_voice(seconds_per_char=0.1, chunk_seconds=0.03)
    async with talking(ScriptedEngine(WORDS), voice) as talk:
        await settled()
        assert LEAD - 0.1 <= talk.playback.samples_sent / WIRE_RATE <= LEAD
        await talk.clock.advance(30)
        assert talk.over.is_set()
    assert len(talk.sound) == spoken_bytes(voice)
    units = sum(isinstance(event, Ended) for event in talk.events)
    frames = [len(event.pcm) for event in talk.events if isinstance(event, Sound)]
    assert max(frames) == WIRE_RATE // 5
    assert len(frames) <= len(talk.sound) / max(frames) + LEAD / 0.03 + 3 * units
    sent = 0
    for event in talk.events:
        sent += len(event.pcm) // 2 if isinstance(event, Sound) else 0
        if isinstance(event, Ended):
            assert event.at == sent


async def test_without_pacing_sound_goes_as_it_is_made() -> None:
    voice = quick_voice(seconds_per_char=0.1)
    async with talking(ScriptedEngine(WORDS), voice, Playback(math.inf)) as talk:
        await settled()
        assert talk.over.is_set()
        assert talk.clock.now() == 0
    assert len(talk.sound) == spoken_bytes(voice)


async def test_who_takes_no_sound_holds_the_voice_up_and_not_the_text() -> None:
    words = [f"This is the sentence with the number {number}. " for number in range(60)]
    engine, voice, playback = ScriptedEngine(words), quick_voice(seconds_per_char=0.1), Playback(math.inf)
    async with (
        narrating(voice, Limits(look_ahead=5)) as narrator,
        replying(asked(engine, ASK), narrator, HandClock(), playback) as events,
    ):
        await settled()
        assert engine.generated == len(words)
        assert not await engine.running()
        made = sum(map(voice.seconds, voice.said))
        assert 5 <= made < 5 + 2 * 20
        async for event in events:
            if isinstance(event, Written):
                break
    await voice.until_idle()


async def test_calls_are_told_as_they_are_written_and_never_spoken() -> None:
    engine = ScriptedEngine(["Let me look that up. ", *CALL], finish=CALLS_END)
    async with talking(engine) as talk:
        await talk.clock.advance(10)
    told = [event for event in talk.events if isinstance(event, CallBegun | CallArguments | CallEnded)]
    assert told == [
        CallBegun("call_1", "weather"),
        CallArguments('{"city": '),
        CallArguments('"Rome"}'),
        CallEnded('{"city": "Rome"}'),
    ]
    assert talk.voice.said == ["Let me look that up."]
    assert isinstance(talk.events[-1], Finished)
    assert talk.events[-1].finish_reason == "tool_calls"


async def test_a_call_that_was_cut_off_has_no_end() -> None:
    events = await written(CALL[:2], finish={"delta": {}, "finish_reason": "length", "stop_reason": None})
    assert [type(event) for event in events] == [CallBegun, CallArguments, Written, Finished]


async def test_several_calls_come_one_after_the_other() -> None:
    second = {"index": 1, "id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    events = await written([*CALL, {"delta": {"tool_calls": [second]}}], finish=CALLS_END)
    begun = [event.id for event in events if isinstance(event, CallBegun)]
    ended = [event.arguments for event in events if isinstance(event, CallEnded)]
    assert (begun, ended) == (["call_1", "call_2"], ['{"city": "Rome"}', "{}"])


async def test_white_space_is_text_only_if_a_word_follows() -> None:
    events = await written(["\n", "\n", *CALL], finish=CALLS_END)
    assert not any(isinstance(event, Text) for event in events)
    events = await written(["\n", " ", "A word", " ", "\n", "more "])
    deltas = [event.delta for event in events if isinstance(event, Text)]
    assert deltas == ["\n A word", " ", "\n", "more "]


def test_reasoning_is_no_text() -> None:
    writer = Writer()
    chunk = {"choices": [{"index": 0, "delta": {"reasoning": "Hm."}, "finish_reason": None}]}
    assert [*writer.feed(chunk), *writer.flush()] == [Written(None, None)]


async def test_an_engine_that_refuses() -> None:
    refusal = EngineError("Too long.", param="messages")
    assert await written(WORDS, refuse=refusal) == [Failed(refusal)]


async def test_an_engine_that_breaks_off_ends_text_and_sound_at_once() -> None:
    engine, voice = ScriptedEngine(WORDS, break_at=4), quick_voice(seconds_per_char=0.1)
    async with talking(engine, voice) as talk:
        await settled()
        assert talk.over.is_set()
        assert isinstance(talk.events[-1], Failed)
        assert talk.events[-1].error.status == 500
    await voice.until_idle()
    assert talk.text == "".join(WORDS[:4])


async def test_what_nobody_foresaw_comes_out() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await written(WORDS, refuse=ZeroDivisionError())
    assert raised.group_contains(ZeroDivisionError)


async def test_a_unit_that_cannot_be_said_is_skipped() -> None:
    voice = quick_voice(fail_on="first")
    async with talking(ScriptedEngine(WORDS), voice) as talk:
        await talk.clock.advance(10)
    (skipped,) = [event for event in talk.events if isinstance(event, Skipped)]
    end = talk.events[-1]
    assert isinstance(end, Finished)
    assert end.voice_failure is skipped.error
    assert isinstance(skipped.error, VoiceError)
    assert talk.text == "".join(WORDS)


async def events_of(speaks: bool) -> int:
    """How many events the reply below has."""
    engine, voice = ScriptedEngine(WORDS), quick_voice()
    async with (
        narrating(voice) as narrator,
        replying(asked(engine, ASK), narrator if speaks else None, HandClock(), Playback(math.inf)) as reply,
    ):
        return len([event async for event in reply])


@pytest.mark.parametrize("speaks", [True, False])
async def test_leaving_after_any_event_leaves_nothing_running(speaks: bool) -> None:
    for place in range(await events_of(speaks)):
        engine, voice, clock = ScriptedEngine(WORDS), quick_voice(), HandClock()
        async with (
            narrating(voice) as narrator,
            replying(asked(engine, ASK), narrator if speaks else None, clock, Playback(math.inf)) as reply,
        ):
            for _ in range(place):
                await anext(reply)
        assert not await engine.running()
        assert not voice.active
        assert not clock.waiting


@pytest.mark.parametrize("moment", range(40))
async def test_cancelling_at_any_moment_leaves_nothing_running(moment: int) -> None:
    """A tenth of a second apart, in the middle of everything: text that is awaited, sound that waits for its time."""
    gates = {3: anyio.Event()}
    engine, voice, clock = ScriptedEngine(WORDS, gates=gates), quick_voice(seconds_per_char=0.1), HandClock()
    told = 0

    async def reply() -> None:
        nonlocal told
        async with (
            narrating(voice) as narrator,
            replying(asked(engine, ASK), narrator, clock, Playback()) as events,
        ):
            async for _ in events:
                told += 1

    async with anyio.create_task_group() as group:
        group.start_soon(reply)
        await clock.advance(moment / 10)
        if moment > 10:
            gates[3].set()
            await settled()
        group.cancel_scope.cancel()
    assert told
    assert not await engine.running()
    assert not voice.active
    assert not clock.waiting


async def test_leaving_stops_an_engine_that_waits_and_a_voice_that_is_stuck() -> None:
    gate = anyio.Event()
    engine, voice, clock = ScriptedEngine(WORDS, gates={4: gate}), quick_voice(gate=gate, gate_after=1), HandClock()
    async with (
        narrating(voice) as narrator,
        replying(asked(engine, ASK), narrator, clock, Playback()) as reply,
    ):
        while not isinstance(await anext(reply), Sound):
            pass
        assert await engine.running()
        assert voice.active
        started = anyio.current_time()
    assert anyio.current_time() - started < 0.1
    assert not await engine.running()
    assert not voice.active


async def test_a_text_that_stands_already_is_said() -> None:
    voice, clock = quick_voice(), HandClock()
    async with (
        narrating(voice) as narrator,
        replying(saying("One moment, please."), narrator, clock, Playback(math.inf)) as reply,
    ):
        events = [event async for event in reply]
    assert voice.said == ["One moment, please."]
    assert events[-1] == Finished("stop", None, None)


async def test_an_answer_goes_on_where_it_was_not_heard() -> None:
    engine = ScriptedEngine([" And the ", "engine adds this."])
    so_far = {"role": "assistant", "content": "Heard. Not heard."}
    request = ASK | {"messages": [*ASK["messages"], so_far]}
    async with replying(continued("Not heard.", engine, request), None, HandClock(), Playback()) as reply:
        text = "".join([event.delta async for event in reply if isinstance(event, Text)])
    assert text == "Not heard. And the engine adds this."
    (sent,) = engine.requests
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)
    assert sent["messages"][-1] == so_far


MARKDOWN = (
    "# A list\n\n* The first  item\n* and ",
    "the **second** one.\n\n| a | b |\n",
    "|---|---|\n| 1 | 2 |\n\nThe end. 终于。",
    " \n",
)


async def test_an_answer_can_go_on_at_any_point_that_was_heard() -> None:
    async with talking(ScriptedEngine(MARKDOWN), quick_voice(), Playback(math.inf)) as talk:
        await settled()
    timeline = Timeline()
    for event in talk.events:
        match event:
            case Begun():
                timeline.begin(event.text, event.at, event.expected)
            case Ended():
                timeline.end(event.at)
    text = "".join(MARKDOWN)
    rests = [unheard(text, timeline.heard(at)) for at in range(0, talk.playback.samples_sent + 1, WIRE_RATE // 50)]
    assert rests[0] == text
    assert rests[-1].strip() == ""
    assert len(set(rests)) > 5
    for rest in rests:
        assert text.endswith(rest)
        assert not re.search(r"[a-z]\Z", text.removesuffix(rest)) or not re.match("[a-z]", rest), "cut inside a word"
    assert unheard("short", "longer than that") == ""
