"""The golden cases through HTTP on the real vLLM engine: prompt, first logits and greedy tokens are the reference's."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests import golden_set

KINDS = ("text", "image", "audio", "image+audio", "video64", "video64+audio", "video64-noaudio")
CASES = [case for case in golden_set.cases(*KINDS) if not case["config_overrides"]]

pytestmark = pytest.mark.engine


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def opaque(path: Path) -> bytes:
    """The file, or without its alpha channel if it has one: the reference drops it, we composite it on white."""
    with Image.open(path) as picture:
        if picture.mode != "RGBA":
            return path.read_bytes()
        target = io.BytesIO()
        picture.convert("RGB").save(target, "PNG")
        return target.getvalue()


def parts(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The case as a user's content list, with the attachments first as in the reference."""
    content: list[dict[str, Any]] = []
    if case["image"]:
        uri = "data:image/png;base64," + encoded(opaque(golden_set.INPUTS / case["image"]))
        content.append({"type": "image_url", "image_url": {"url": uri}})
    if case["video"]:
        uri = "data:video/mp4;base64," + encoded((golden_set.INPUTS / case["video"]).read_bytes())
        content.append({"type": "video_url", "video_url": {"url": uri}})
    if case["audio"]:
        path = golden_set.INPUTS / case["audio"]
        sound = {"data": encoded(path.read_bytes()), "format": path.suffix[1:]}
        content.append({"type": "input_audio", "input_audio": sound})
    # Of an image with a spoken question the reference drops the text.
    if case["text"] is not None and case["kind"] != "image+audio":
        content.append({"type": "text", "text": case["text"]})
    return content


def ask(address: str, case: dict[str, Any], **extra: Any) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": parts(case)}], "max_tokens": 24, "temperature": 0} | extra
    response = httpx.post(f"{address}/v1/chat/completions", json=body | {"return_token_ids": True}, timeout=120)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def check_prompt(case: dict[str, Any], ids: list[int]) -> None:
    """One id per embedded row, and the reference's ids where it has text."""
    assert len(ids) == case["n_embeds"]
    for segment in case["segments"]:
        start, end = segment["rows"]
        if segment["type"] == "text":
            assert ids[start:end] == segment["ids"]
        else:
            assert len(set(ids[start:end])) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_one_at_a_time(ola: str, case: dict[str, Any]) -> None:
    answer = ask(ola, case, repetition_penalty=1.0, logprobs=True, top_logprobs=20)
    check_prompt(case, answer["prompt_token_ids"])
    choice = answer["choices"][0]
    assert choice["token_ids"] == case["greedy_tokens_no_repetition_penalty"]
    logits = [entry["logprob"] for entry in choice["logprobs"]["content"][0]["top_logprobs"]]
    expected = np.sort(golden_set.stored()[f"case/{case['name']}/logits_first"])[::-1][: len(logits)]
    np.testing.assert_allclose(logits, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("penalty", ["explicit 1.0", "the checkpoint's"])
def test_all_at_once(ola: str, penalty: str) -> None:
    explicit = penalty == "explicit 1.0"
    extra = {"repetition_penalty": 1.0} if explicit else {}
    with ThreadPoolExecutor(len(CASES)) as users:
        answers = list(users.map(lambda case: ask(ola, case, **extra), CASES))
    key = "greedy_tokens_no_repetition_penalty" if explicit else "greedy_tokens"
    tokens = {case["name"]: answer["choices"][0]["token_ids"] for case, answer in zip(CASES, answers, strict=True)}
    assert tokens == {case["name"]: case[key] for case in CASES}
