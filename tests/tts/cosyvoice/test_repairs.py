"""Each known fault of CosyVoice's code: there without the repair, gone with it."""

import logging
import threading
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.tts.cosyvoice.speaking import TEXT, THEIR_WARNINGS, chunks_of, left_behind, settled, spoken
from tests.tts.cosyvoice.tiny import SPEAKERS, installed_code
from tts.voice import VoiceError
from tts.voices.cosyvoice import CosyVoice, load_cosyvoice
from tts.voices.cosyvoice.likeness import prompt
from tts.voices.cosyvoice.repairs import check_cache, check_types

pytestmark = [pytest.mark.anyio, *THEIR_WARNINGS]


async def test_a_step_sees_the_whole_cache(model: CosyVoice) -> None:
    encoder = model._own.model.llm.llm
    check_cache(encoder)
    theirs = SimpleNamespace(model=encoder.model)
    theirs.forward_one_step = lambda *step: type(encoder).forward_one_step(encoder, *step)
    with pytest.raises(VoiceError, match="garbled"):
        check_cache(theirs)


def test_a_model_whose_steps_see_too_little_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def theirs(encoder: Any, xs: torch.Tensor, masks: torch.Tensor, cache: Any = None) -> Any:
        return type(encoder).forward_one_step(encoder, xs, masks, cache)

    monkeypatch.setattr("tts.voices.cosyvoice.repairs._one_step", theirs)
    with pytest.raises(VoiceError, match="garbled"):
        load_cosyvoice(str(folder), home=installed_code())


async def test_the_language_model_is_float32_whatever_its_config_says(model: CosyVoice, folder: Path) -> None:
    from transformers import Qwen2ForCausalLM

    assert Qwen2ForCausalLM.from_pretrained(folder / "CosyVoice-BlankEN").dtype == torch.bfloat16
    assert {parameter.dtype for parameter in model._own.model.llm.parameters()} == {torch.float32}
    with pytest.raises(VoiceError, match="bfloat16"):
        check_types(torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).bfloat16()]))


async def test_no_mark_ends_speech_too_early(model: CosyVoice) -> None:
    llm = model._own.model.llm
    scores = torch.full((llm.speech_token_size + 3,), -20.0)
    scores[-3:] = 0.0
    assert int(llm.sampling_ids(scores.clone(), [], 25, ignore_eos=False)) >= llm.speech_token_size
    for _ in range(20):
        assert int(llm.sampling_ids(scores.clone(), [], 25, ignore_eos=True)) < llm.speech_token_size


async def test_no_request_changes_the_chunks_of_a_later_one(model: CosyVoice) -> None:
    before = model._own.model.token_hop_len
    lengths = [[len(chunk) for chunk in await chunks_of(model.voices()[0], seed=4)] for _ in range(2)]
    assert lengths[0] == lengths[1]
    assert model._own.model.token_hop_len == before


async def test_its_own_threads_and_tables_are_not_used(model: CosyVoice) -> None:
    threads = set(threading.enumerate())
    async with aclosing(model.voices()[0].synthesize(TEXT)) as chunks:
        await anext(chunks)
        assert set(threading.enumerate()) <= threads
        assert left_behind(model) == 1
    await settled(model)
    assert left_behind(model) == 0


async def test_nothing_that_is_said_is_logged(model: CosyVoice, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await spoken(model.voices()[0], "A secret.")
    assert "secret" not in caplog.text


async def test_the_text_is_not_cut_again_nor_its_points_changed(model: CosyVoice) -> None:
    frontend = model._own.frontend
    text = "圆周率约等于3.14。" * 40
    said = prompt(model._own, 2, model._known[SPEAKERS[0]], text, None, "")
    assert frontend.tokenizer.decode(said.text[0].tolist()) == text
