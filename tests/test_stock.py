"""A stock vLLM server with this package installed answers attachments too, with the reference's tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import golden_set
from tests.ola_process import stock_vllm
from tests.test_parity import CASES, ask

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def stock() -> Iterator[str]:
    with stock_vllm(golden_set.CHECKPOINT, "--dtype", "float32", "--enforce-eager") as address:
        yield address


@pytest.mark.parametrize("name", ["text_unicode", "image_photo", "audio_stereo", "image_speechq2", "video64_noaudio"])
def test_golden_case(stock: str, name: str) -> None:
    case = next(case for case in CASES if case["name"] == name)
    model = str(golden_set.CHECKPOINT)
    answer = ask(stock, case, model=model, repetition_penalty=1.0)
    assert answer["choices"][0]["token_ids"] == case["greedy_tokens_no_repetition_penalty"]
    assert ask(stock, case, model=model)["choices"][0]["token_ids"] == case["greedy_tokens"]
