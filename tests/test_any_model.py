"""Any language model has a voice: a plain Qwen2, which knows nothing of us, through `ola serve`; here with keys."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
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
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The setting for keys of this test's own."""
    return {"OLA_KEYS": str(tmp_path_factory.mktemp("keys") / "keys.json")}


def ola_keys(keys: dict[str, str], *arguments: str) -> str:
    """What `ola keys` prints."""
    command = [sys.executable, "-m", "server.cli", "keys", *arguments]
    return subprocess.run(command, env=os.environ | keys, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Iterator[openai.OpenAI]:
    folder = tmp_path_factory.mktemp("models") / "plain"
    write_plain_qwen2(folder)
    key = ola_keys(keys, "create", "anna")
    options = ("--dtype", "float32", "--enforce-eager", "--host", "0.0.0.0")
    with (
        ola_serve(folder, *options, environment=keys) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key=key, timeout=120, max_retries=0) as client,
    ):
        yield client


def test_it_speaks_while_it_writes(client: openai.OpenAI) -> None:
    transcript, sound, kinds = "", bytearray(), ""
    # Long enough that no machine writes it all before the first sentence is spoken.
    for chunk in client.chat.completions.create(**SPOKEN | {"max_tokens": 800}, stream=True):
        if (audio := chunk.choices[0].delta.audio) is None:
            continue
        transcript += audio.transcript or ""
        sound += base64.b64decode(audio.data or "")
        kinds += "t" * bool(audio.transcript) + "s" * bool(audio.data)
    assert set(re.findall(r"\w+|[.,]", transcript)) <= set(WORDS)
    assert len(transcript.split()) > 500
    samples = np.frombuffer(sound, "<i2").astype(float)
    assert 100 < len(samples) / 24_000 < 800
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


def test_keys_come_and_go_while_it_serves(client: openai.OpenAI, keys: dict[str, str]) -> None:
    with pytest.raises(openai.AuthenticationError) as wrong:
        client.with_options(api_key="sk-ola-wrong").chat.completions.create(**QUESTION)
    assert wrong.value.code == "invalid_api_key"
    bert = client.with_options(api_key=ola_keys(keys, "create", "bert", "--requests-per-minute", "1"))
    assert bert.chat.completions.create(**QUESTION).choices[0].message.content
    with pytest.raises(openai.RateLimitError) as often:
        bert.chat.completions.create(**QUESTION)
    assert int(often.value.response.headers["retry-after"]) > 30
    ola_keys(keys, "revoke", "bert")
    with pytest.raises(openai.AuthenticationError):
        bert.chat.completions.create(**QUESTION)


def test_a_key_that_has_had_its_speech_may_write_on(client: openai.OpenAI, keys: dict[str, str]) -> None:
    short = client.with_options(api_key=ola_keys(keys, "create", "short", "--audio-seconds-per-minute", "5"))
    assert short.chat.completions.create(**SPOKEN).choices[0].message.audio is not None
    with pytest.raises(openai.RateLimitError, match="5 audio_seconds_per_minute"):
        short.chat.completions.create(**SPOKEN)
    assert short.chat.completions.create(**QUESTION).choices[0].message.content
