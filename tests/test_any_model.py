"""Any language model has a voice: a plain Qwen2, which knows nothing of us, through `ola serve`."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from tests.ola_process import ola_serve
from tests.plain_checkpoint import WORDS, write_plain_qwen2

pytestmark = pytest.mark.engine

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR42mOUi7rDgA0wMeAAg1MCAA1RAWQR9sbeAAAAAElFTkSuQmCC"
QUESTION: dict[str, Any] = {
    "model": "plain",
    "messages": [{"role": "user", "content": "who goes home"}],
    "temperature": 1.0,
    "seed": 1,
    "max_tokens": 60,
    "extra_body": {"ignore_eos": True},
}
SPOKEN: dict[str, Any] = QUESTION | {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    folder = tmp_path_factory.mktemp("models") / "plain"
    write_plain_qwen2(folder)
    with (
        ola_serve(folder, "--dtype", "float32", "--enforce-eager") as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="none", timeout=120, max_retries=0) as client,
    ):
        yield client


def test_it_speaks_while_it_writes(client: openai.OpenAI) -> None:
    transcript, sound, kinds = "", b"", ""
    for chunk in client.chat.completions.create(**SPOKEN, stream=True):
        if (audio := chunk.choices[0].delta.audio) is None:
            continue
        transcript += audio.transcript or ""
        sound += base64.b64decode(audio.data or "")
        kinds += "t" * bool(audio.transcript) + "s" * bool(audio.data)
    assert set(re.findall(r"\w+|[.,]", transcript)) <= set(WORDS)
    assert len(transcript.split()) > 40
    samples = np.frombuffer(sound, "<i2").astype(float)
    assert 5 < len(samples) / 24_000 < 60
    assert np.sqrt((samples**2).mean()) > 500
    assert "st" in kinds  # sound before the last word


def test_it_speaks_whole_answers(client: openai.OpenAI) -> None:
    audio = (
        client.chat.completions.create(**SPOKEN | {"audio": {"voice": "alloy", "format": "wav"}})
        .choices[0]
        .message.audio
    )
    assert audio is not None
    assert len(base64.b64decode(audio.data)) > 5 * 48_000
    assert len(audio.transcript.split()) > 40


def test_it_answers_in_text(client: openai.OpenAI) -> None:
    content = client.chat.completions.create(**QUESTION).choices[0].message.content
    assert content
    assert set(re.findall(r"\w+|[.,]", content)) <= set(WORDS)


@pytest.mark.parametrize("asked", [QUESTION, SPOKEN], ids=["text", "spoken"])
@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(bytes(4800)).decode(), "format": "pcm16"}},
    ],
    ids=["image", "sound"],
)
def test_it_says_that_it_cannot_see_or_hear(client: openai.OpenAI, asked: dict[str, Any], part: dict[str, Any]) -> None:
    content = [part, {"type": "text", "text": "who is home"}]
    with pytest.raises(openai.BadRequestError, match="takes text only: it cannot see or hear"):
        client.chat.completions.create(**asked | {"messages": [{"role": "user", "content": content}]})
