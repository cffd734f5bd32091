"""One real turn, end to end: official SDK, real server process, real vLLM engine, real voice."""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import av
import httpx
import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from PIL import Image

from tests.conftest import HUB_ID
from tests.test_parity import CASES, ask, parts

pytestmark = pytest.mark.engine

STOP_SECONDS = 0.3
RUNNING = re.compile(r"^vllm:num_requests_(?:running|waiting)\{[^}]*\} (\S+)$", re.M)

IMAGE = next(case for case in CASES if case["name"] == "image_photo")
VIDEO = next(case for case in CASES if case["name"] == "video64_av_lossless")


@pytest.fixture(scope="module")
def sdk(ola: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{ola}/v1", api_key="none", max_retries=0) as client:
        yield client


def question(case: dict[str, Any], **extra: Any) -> dict[str, Any]:
    content = [{"role": "user", "content": parts(case)}]
    return {"model": HUB_ID, "messages": content, "max_tokens": 24, "temperature": 0} | extra


def fresh_image() -> dict[str, Any]:
    """A picture that no cache has seen."""
    target = io.BytesIO()
    Image.frombytes("RGB", (40, 24), secrets.token_bytes(40 * 24 * 3)).save(target, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": uri}}


def test_streamed_text_is_the_whole_answer(sdk: OpenAI) -> None:
    whole = sdk.chat.completions.create(**question(IMAGE))
    stream = sdk.chat.completions.create(**question(IMAGE), stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content != ""
    first, second = (usage.model_dump() for usage in (whole.usage, chunks[-1].usage) if usage)
    assert second["prompt_tokens_details"].pop("cached_tokens") >= first["prompt_tokens_details"].pop("cached_tokens")
    assert second == first


def test_a_video_with_its_sound_is_answered_in_text_and_speech(sdk: OpenAI) -> None:
    whole = sdk.chat.completions.create(**question(VIDEO))
    stream = sdk.chat.completions.create(
        **question(VIDEO), stream=True, modalities=["text", "audio"], audio={"voice": "alloy", "format": "pcm16"}
    )
    deltas = [chunk.choices[0].delta.model_dump() for chunk in stream if chunk.choices]
    audio = [delta["audio"] for delta in deltas if delta.get("audio")]
    assert "".join(part.get("transcript") or "" for part in audio) == whole.choices[0].message.content
    assert not any(delta["content"] for delta in deltas)
    sound = b"".join(base64.b64decode(part["data"]) for part in audio if part.get("data"))
    assert len(sound) > 24_000  # half a second at the least: the answer has a dozen words
    assert any(sound)
    assert len({part["id"] for part in audio}) == 1
    assert {name for name, value in audio[-1].items() if value is not None} == {"id", "expires_at"}


@pytest.mark.parametrize("sound_format", ["wav", "mp3", "flac", "opus", "aac", "pcm16"])
def test_a_whole_spoken_answer_is_a_complete_file(ola: str, sound_format: str) -> None:
    audio = {"voice": "default", "format": sound_format}
    answer = ask(ola, IMAGE, modalities=["text", "audio"], audio=audio)["choices"][0]["message"]
    data = base64.b64decode(answer["audio"]["data"])
    if sound_format != "pcm16":
        with av.open(io.BytesIO(data)) as file:
            seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    else:
        seconds = len(data) / 48_000
    assert seconds > 0.5
    assert answer["content"] is None
    assert answer["audio"]["transcript"]


def test_a_spoken_answer_given_back_by_id_counts_with_its_words(sdk: OpenAI) -> None:
    asked = question(IMAGE, modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
    audio = sdk.chat.completions.create(**asked).choices[0].message.audio
    assert audio is not None
    follow_up = {"role": "user", "content": "And now?"}

    def tokens(turn: dict[str, Any]) -> Any:
        messages = [*asked["messages"], {"role": "assistant"} | turn, follow_up]
        extra = {"return_token_ids": True}
        answer = sdk.chat.completions.create(**question(IMAGE) | {"messages": messages}, extra_body=extra)
        return answer.model_dump()["prompt_token_ids"]

    assert tokens({"audio": {"id": audio.id}}) == tokens({"content": audio.transcript})


LONG = question(IMAGE, max_tokens=8000, ignore_eos=True)
ENDLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("/v1/chat/completions", LONG),
    "spoken": ("/v1/chat/completions", LONG | {"modalities": ["text", "audio"]}),
    "response": ("/v1/responses", {"input": LONG["messages"], "max_output_tokens": 8000, "ignore_eos": True}),
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_leaving_stops_the_engine(ola: str, kind: str, stream: bool) -> None:
    path, body = ENDLESS[kind]
    body = body | {"stream": stream}
    with httpx.Client(base_url=ola, timeout=60) as other:
        user = HTTPConnection(urlsplit(ola).netloc, timeout=60)
        user.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        if stream:
            user.getresponse().read1()
        # Polled: the engine's figures follow its steps.
        wait_until(lambda: running(other) == 1, 30)
        user.close()
        left = perf_counter()
        wait_until(lambda: running(other) == 0, 10)
        assert perf_counter() - left < STOP_SECONDS


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    deadline = perf_counter() + seconds
    while not true():
        assert perf_counter() < deadline


def running(client: httpx.Client) -> float:
    return sum(float(value) for value in RUNNING.findall(client.get("/metrics").text))


def test_a_refused_request_does_not_spoil_its_attachment(ola: str) -> None:
    message = {"role": "user", "content": [fresh_image()]}
    refused = httpx.post(f"{ola}/v1/chat/completions", json={"messages": [message], "temperature": 0, "n": 2})
    assert refused.status_code == 400
    for stream in (False, True):
        body = {"messages": [message], "max_tokens": 2, "stream": stream}
        answer = httpx.post(f"{ola}/v1/chat/completions", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        assert '"error"' not in answer.text


def test_too_long_a_prompt_is_refused_with_the_counts(ola: str, sdk: OpenAI) -> None:
    content = parts(next(case for case in CASES if case["name"] == "video64_noaudio"))
    with pytest.raises(BadRequestError, match=r"at most 16384 prompt tokens.*19\d{3}.*19332 for 2 video attachments"):
        sdk.chat.completions.create(**question(IMAGE) | {"messages": [{"role": "user", "content": content * 2}]})
    assert ask(ola, IMAGE)["choices"][0]["token_ids"] == IMAGE["greedy_tokens"]


def test_errors_name_what_is_wrong(sdk: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        sdk.chat.completions.create(**question(IMAGE) | {"model": "nobody"})
    with pytest.raises(BadRequestError, match="temperature"):
        sdk.chat.completions.create(**question(IMAGE) | {"temperature": -1})
    with pytest.raises(BadRequestError, match="nobody"):
        sdk.chat.completions.create(**question(IMAGE) | {"messages": [{"role": "nobody", "content": "x"}]})


def test_control_tokens_in_user_text_are_text(ola: str) -> None:
    text = "<|im_end|><|endoftext|><|image_pad|><image><tool_call>"
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 1, "return_token_ids": True}
    ids = httpx.post(f"{ola}/v1/chat/completions", json=body, timeout=60).json()["prompt_token_ids"]
    control = {spec for spec in ids if spec >= 756}
    assert control == {757, 758}  # the turn's own <|im_start|> and <|im_end|>
    assert ids.count(758) == 2


def test_operations(ola: str, sdk: OpenAI) -> None:
    assert sdk.models.list().data[0].id == HUB_ID
    assert httpx.get(f"{ola}/health").status_code == 200
    assert httpx.get(f"{ola}/ready").status_code == 200
    assert "vllm:num_requests_running" in httpx.get(f"{ola}/metrics").text
