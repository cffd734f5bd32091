"""What early starts and answers that go on rest on, on the real engine with the demo model: its caches, its prompts."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from engine.api import SAMPLE_RATE
from server.realtime.early import prefill_of
from tests.demo.world import draw

pytestmark = pytest.mark.engine

BLOCK = 128
"""Tokens that vLLM caches together on CPUs; those of the last block are computed again."""


@pytest.fixture(scope="module")
def http(demo: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{demo}/v1", timeout=60) as client:
        yield client


def ask(http: httpx.Client, request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = http.post("/chat/completions", json=request).raise_for_status().json()
    return answer


def cached(answer: dict[str, Any]) -> tuple[int, int]:
    """Tokens of the prompt, and how many of them the engine had computed before."""
    usage = answer["usage"]
    return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


def sound(seconds: float, seed: int) -> dict[str, Any]:
    noise, file = np.random.default_rng(seed).normal(scale=0.05, size=round(seconds * SAMPLE_RATE)), io.BytesIO()
    soundfile.write(file, noise, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    data = base64.b64encode(file.getvalue()).decode()
    return {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]}


def question(seed: int, seconds: float) -> dict[str, Any]:
    """A conversation like no other that ends with a spoken question."""
    before = [{"role": role, "content": f"Said by the {role} in talk {seed}."} for role in ("user", "assistant") * 3]
    return {"messages": [*before, sound(seconds, seed)], "temperature": 0, "max_tokens": 4}


@pytest.mark.parametrize("seconds", [3, 45])
def test_an_early_start_leaves_one_block_at_most_to_compute(http: httpx.Client, seconds: float) -> None:
    prompt, known = cached(ask(http, question(1, seconds)))
    assert known < prompt - BLOCK
    request = question(2, seconds)
    ask(http, prefill_of(request))
    prompt, known = cached(ask(http, request))
    assert known >= prompt - BLOCK


def test_another_sound_is_not_taken_for_the_one_that_was_prefilled(http: httpx.Client) -> None:
    request, other = question(3, 3), question(4, 3)
    ask(http, prefill_of(request))
    prompt, known = cached(ask(http, request | {"messages": [*request["messages"][:-1], other["messages"][-1]]}))
    assert known < prompt - BLOCK


def test_an_answer_that_was_cut_off_goes_on_as_it_would_have(http: httpx.Client) -> None:
    request: dict[str, Any] = {"messages": draw("text", 7, 0).messages, "temperature": 0, "max_tokens": 60}
    whole = ask(http, request)["choices"][0]["message"]["content"]
    cut = whole.index(" ", len(whole) // 2)
    so_far = {"role": "assistant", "content": whole[:cut]}
    going_on = {"continue_final_message": True, "add_generation_prompt": False}
    answer = ask(http, request | going_on | {"messages": [*request["messages"], so_far]})
    assert so_far["content"] + answer["choices"][0]["message"]["content"] == whole
