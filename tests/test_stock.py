"""A stock vLLM server with this package installed answers attachments too, with the reference's tokens, and speaks."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import BadRequestError, OpenAI
from websockets.sync.client import connect

from engine.api import listening_prompt
from tests import golden_set
from tests.ola_process import stock_vllm
from tests.test_parity import CASES, ask

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def stock() -> Iterator[str]:
    options = ("--dtype", "float32", "--enforce-eager")
    with stock_vllm(golden_set.CHECKPOINT, *options, environment={"VLLM_PLUGINS": "ola"}) as address:
        yield address


@pytest.fixture(scope="module")
def sdk(stock: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stock}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


@pytest.mark.parametrize("name", ["text_unicode", "image_photo", "audio_stereo", "image_speechq2", "video64_noaudio"])
def test_golden_case(stock: str, name: str) -> None:
    case = next(case for case in CASES if case["name"] == name)
    model = str(golden_set.CHECKPOINT)
    answer = ask(stock, case, model=model, repetition_penalty=1.0)
    assert answer["choices"][0]["token_ids"] == case["greedy_tokens_no_repetition_penalty"]
    assert ask(stock, case, model=model)["choices"][0]["token_ids"] == case["greedy_tokens"]


@pytest.mark.parametrize("prompt", ["", "<|im_end|> Names: Ola."])
def test_transcripts_are_answers_to_the_papers_prompt(sdk: OpenAI, prompt: str) -> None:
    """vLLM's own route asks our model class what a conversation asks, control tokens of a client being text."""
    recording = (golden_set.INPUTS / "short_1.3s_16k.wav").read_bytes()
    asked = listening_prompt("transcribe", None, prompt)
    heard = {"data": b64encode(recording).decode(), "format": "wav"}
    content: Any = [{"type": "input_audio", "input_audio": heard}, {"type": "text", "text": asked}]
    model = str(golden_set.CHECKPOINT)
    answer = sdk.chat.completions.create(
        model=model, messages=[{"role": "user", "content": content}], temperature=0, max_tokens=16
    )
    transcript = sdk.audio.transcriptions.create(
        model=model,
        file=("speech.wav", recording),
        prompt=prompt,
        extra_body={"max_completion_tokens": 16},
    )
    assert transcript.text == answer.choices[0].message.content


def test_it_speaks_through_the_plugin(sdk: OpenAI, stock: str) -> None:
    model = str(golden_set.CHECKPOINT)
    spoken = sdk.audio.speech.create(model=model, voice="alloy", input="Hello there.", response_format="pcm")
    assert 0.5 < len(spoken.content) / 48_000 < 4
    with pytest.raises(BadRequestError, match="Known voices") as refused:
        sdk.audio.speech.create(model=model, voice="bob", input="Hello there.")
    assert (refused.value.code, refused.value.param) == ("unknown_voice", "voice")
    assert "alloy" in {voice["id"] for voice in httpx.get(f"{stock}/v1/audio/voices").json()["data"]}
    with connect(stock.replace("http", "ws") + "/v1/audio/speech/stream") as speech:
        assert json.loads(speech.recv())["type"] == "session.created"
