"""An answer that was cut off goes on: vLLM reads the message as left open, and calls of tools come out as calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.client import VllmEngine
from server.realtime.playback import Playback
from server.realtime.reply import Event, Finished, replying
from server.realtime.sources import Chunks, asked, continued
from server.realtime.written import CallArguments, CallBegun, CallEnded, Text
from tests.hand_clock import HandClock
from tests.scripted_core import ScriptedCore, scripted_vllm

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:max_tokens is deprecated:DeprecationWarning"),  # vLLM's own code reads it
]

SAID = "It is <b>late</b>, and"
MESSAGES = [{"role": "user", "content": "What time is it?"}, {"role": "assistant", "content": SAID}]
FUNCTION = {"name": "clock", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
CALL = 'One moment.\n<tool_call>\n{"name": "clock", "arguments": {"city": "Rome"}}\n</tool_call>'


@pytest.fixture(scope="module")
async def vllm() -> tuple[VllmEngine, ScriptedCore]:
    return await scripted_vllm(Path("models/ola-demo"))


async def told(chunks: Chunks) -> list[Event]:
    async with replying(chunks, None, HandClock(), Playback()) as events:
        return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


async def test_the_message_is_left_open_and_the_rest_comes_first(vllm: tuple[VllmEngine, ScriptedCore]) -> None:
    engine, core = vllm
    core.text = " you should sleep."
    events = await told(continued("late</b>, and", engine, {"messages": MESSAGES}))
    assert text_of(events) == "late</b>, and you should sleep."
    prompt = core.renderer.get_tokenizer().decode(core.prompts[-1]["prompt_token_ids"])
    assert prompt.endswith(f"<|im_start|>assistant\n{SAID}")
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.finish_reason == "stop"
    assert end.usage is not None
    assert end.usage["prompt_tokens"] == len(core.prompts[-1]["prompt_token_ids"])


@pytest.mark.parametrize("going_on", [True, False])
async def test_calls_of_functions_are_no_text(vllm: tuple[VllmEngine, ScriptedCore], going_on: bool) -> None:
    engine, core = vllm
    core.text = CALL
    request: dict[str, Any] = {"messages": MESSAGES[:1], "tools": [{"type": "function", "function": FUNCTION}]}
    source = continued(" late.", engine, request | {"messages": MESSAGES}) if going_on else asked(engine, request)
    events = await told(source)
    assert text_of(events).strip() == (" late." * going_on + "One moment.").strip()
    (begun,) = [event for event in events if isinstance(event, CallBegun)]
    (ended,) = [event for event in events if isinstance(event, CallEnded)]
    assert begun.id
    assert begun.name == "clock"
    assert ended.arguments == "".join(event.delta for event in events if isinstance(event, CallArguments))
    assert ended.arguments.replace(" ", "") == '{"city":"Rome"}'
    assert isinstance(events[-1], Finished)
    assert events[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "clock"}}])
async def test_forced_calls_are_told_like_others(vllm: tuple[VllmEngine, ScriptedCore], choice: Any) -> None:
    engine, core = vllm
    core.text = CALL.partition("\n")[2]
    tools = {"tools": [{"type": "function", "function": FUNCTION}], "tool_choice": choice}
    events = await told(asked(engine, {"messages": MESSAGES[:1]} | tools))
    (begun,) = [event for event in events if isinstance(event, CallBegun)]
    (ended,) = [event for event in events if isinstance(event, CallEnded)]
    assert begun.id
    assert (begun.name, ended.arguments.replace(" ", "")) == ("clock", '{"city":"Rome"}')
    assert text_of(events) == ""
