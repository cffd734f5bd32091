"""CosyVoice's own code around vLLM, with a scripted engine in its place."""

import sys
import threading
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.tts.cosyvoice.speaking import TEXT, THEIR_WARNINGS, settled
from tts.voices.cosyvoice import CosyVoice
from tts.voices.cosyvoice.repairs import seed_requests

pytestmark = [pytest.mark.anyio, *THEIR_WARNINGS]


class ScriptedEngine:
    """Says what vLLM's engine would, a token of every request at each step."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.running: dict[str, int] = {}
        self.aborted: list[str] = []

    def add_request(self, request_id: str, asked: dict[str, torch.Tensor], parameters: Any) -> None:
        assert asked["prompt_embeds"].ndim == 2
        self.seeds.append(parameters.seed)
        self.running[request_id] = 0

    def step(self) -> list[Any]:
        outputs = []
        for request_id in self.running:
            self.running[request_id] += 1
            token_ids = [self.running[request_id] % 6000]
            outputs.append(SimpleNamespace(request_id=request_id, outputs=[SimpleNamespace(token_ids=token_ids)]))
        return outputs

    def abort_request(self, request_ids: list[str]) -> None:
        for request_id in request_ids:
            del self.running[request_id]
            self.aborted.append(request_id)


async def test_requests_have_seeds_and_are_aborted(model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    llm, engine = model._own.model.llm, ScriptedEngine()
    # All that is imported of it; vLLM itself takes long to import.
    imported = SimpleNamespace(SamplingParams=SimpleNamespace, RequestOutput=object)
    monkeypatch.setitem(sys.modules, "vllm", imported)
    monkeypatch.setattr(llm, "vllm", engine, raising=False)
    monkeypatch.setattr(llm, "lock", threading.Lock(), raising=False)
    monkeypatch.setattr(llm, "seeds", {}, raising=False)
    seed_requests(llm)
    voice = model.voices()[0]
    async with (
        aclosing(voice.synthesize(20 * TEXT, seed=5)) as one,
        aclosing(voice.synthesize(20 * TEXT, seed=6)) as two,
    ):
        assert await anext(one)
        assert await anext(two)
        assert len(engine.running) == 2
    await settled(model)
    assert sorted(engine.seeds) == [5, 6]
    assert not engine.running
    assert len(engine.aborted) == 2
    assert llm.vllm_output_queue == llm.seeds == {}
