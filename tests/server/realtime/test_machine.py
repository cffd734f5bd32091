"""The protocol as a state machine: any client event at any time, right or wrong. What a client knows from the events is
what the session holds, every event is one that the SDK knows, and no error ends the session."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from random import Random
from typing import Any, TypeVar

from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.realtime.item_json import item_json
from tests.server.realtime.client_events import valid_events, wrong_events
from tests.server.realtime.driver import LOUD, Driver, Event, driven, wave
from tests.server.realtime.stepped import SteppedEngine, SteppedVoice
from tests.server.realtime.test_tools import FILLER, WEATHER

T = TypeVar("T")


class Protocol(RuleBasedStateMachine):
    """One session, in a loop of its own."""

    client: Driver

    @initialize(seed=st.integers(0, 999), aloud=st.booleans(), resumes=st.booleans())
    def begin(self, seed: int, aloud: bool, resumes: bool) -> None:
        chance = Random(seed)
        self.engine, self.voice = SteppedEngine(chance), SteppedVoice(chance) if aloud else None
        ola = {"resume_interrupted": resumes, "tool_filler": FILLER}
        self.stack = ExitStack()
        self.portal = self.stack.enter_context(start_blocking_portal())
        session = driven(self.engine, self.voice, {"tools": [WEATHER], "ola": ola})
        self.client = self.stack.enter_context(self.portal.wrap_async_context_manager(session))

    def do(self, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return self.portal.call(call, *arguments)

    @rule(data=st.data())
    def say_something(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, 4))):
            event = data.draw(self.events())
            self.check(self.do(self.client.send, json.dumps(event)), event.get("event_id"))

    @rule(data=st.data())
    def say_it_wrong(self, data: st.DataObject) -> None:
        self.check(self.do(self.client.send, data.draw(wrong_events(self.events()))))

    @rule(tenths=st.integers(1, 6), level=st.sampled_from([0, 2 * LOUD]))
    def make_a_sound(self, tenths: int, level: int) -> None:
        for _ in range(tenths):
            self.do(self.client.append, wave(0.1, level))
            self.do(self.client.wait, 0.1)

    @rule(seconds=st.sampled_from([0.0, 0.1, 3.0]), tokens=st.integers(0, 3), chunks=st.integers(0, 6))
    def go_on(self, seconds: float, tokens: int, chunks: int) -> None:
        for _ in range(tokens):
            self.portal.call(self.engine.steps.step)
            self.do(self.client.wait, 0.0)
        for _ in range(chunks if self.voice is not None else 0):
            assert self.voice is not None
            self.portal.call(self.voice.steps.step)
            self.do(self.client.wait, 0.0)
        self.do(self.client.wait, seconds)

    @invariant()
    def the_client_knows_what_there_is(self) -> None:
        known, conversation = self.client.known, self.client.shared.conversation
        assert known.order == [item.id for item in conversation.items]
        assert all(known.agrees(item_json(item)) for item in conversation.items)
        assert len(known.active) <= 1

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        with self.stack:
            for part in (self.engine, self.voice):
                if part is not None:
                    self.portal.call(part.steps.let_go)
            self.do(self.client.send, json.dumps({"type": "input_audio_buffer.clear"}))
            self.do(self.client.wait, 60.0)
            assert not self.client.known.active
            self.do(self.client.ask, "Still there?")
            assert self.client.known.active or self.client.known.responses

    def events(self) -> st.SearchStrategy[Event]:
        known = self.client.known
        calls = [item["call_id"] for item in known.items.values() if item["type"] == "function_call"]
        return valid_events(known.order, list(known.responses), calls)

    def check(self, told: list[Event], event_id: str | None = None) -> None:
        for event in told:
            if event["type"] == "error":
                error = event["error"]
                assert error["type"] == "invalid_request_error", error
                assert error["code"] or error["param"], error
                assert error["event_id"] in (event_id, None, "mine")


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(max_examples=35, stateful_step_count=25, deadline=None, derandomize=True)
