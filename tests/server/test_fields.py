"""Fields and attachments that a server takes although they change nothing, and those that it refuses by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.media.samples import INPUTS, audio_part, image_part, video_part
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, served
from tests.server.test_errors import CHAT, check_error

pytestmark = pytest.mark.anyio

UNHEEDED = {
    "metadata": {"a": "b"},
    "safety_identifier": "x",
    "prompt_cache_key": "x",
    "prompt_cache_retention": "24h",
    "service_tier": "auto",
    "store": False,
    "prediction": {"type": "content", "content": "x"},
    "verbosity": "medium",
    "web_search_options": None,
}


async def test_what_changes_no_answer_is_taken_and_goes_no_further() -> None:
    async with served(ScriptedEngine()) as server:
        body = ASK | UNHEEDED | {"stream": True, "stream_options": {"include_obfuscation": False}}
        assert (await server.http.post(CHAT, json=body)).status_code == 200
        also = {"include_usage": True, "include_obfuscation": True}
        assert (await server.http.post(CHAT, json=body | {"stream_options": also})).status_code == 200
        body = {"input": "Hi", "stream": True, "stream_options": {"include_obfuscation": False}}
        assert (await server.http.post("/v1/responses", json=body)).status_code == 200
    streamed = ASK | {"stream": True}
    assert server.engine.requests == [
        streamed,
        streamed | {"stream_options": {"include_usage": True}},
        {"input": "Hi", "stream": True},
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"store": True}, "stores no answers"),
        ({"metadata": {"a": 1}}, "strings"),
        ({"service_tier": "priority"}, "one tier"),
        ({"verbosity": "low"}, "medium"),
        ({"web_search_options": {}}, "search"),
        ({"functions": []}, "tools"),
        ({"moderation": {}}, "moderate"),
    ],
)
async def test_what_would_ask_for_more_is_refused(fields: dict[str, Any], said: str) -> None:
    async with served(ScriptedEngine()) as server:
        error = check_error(await server.http.post(CHAT, json=ASK | fields), 400)
    assert error["param"] == next(iter(fields))
    assert said in error["message"]
    assert server.engine.requests == []


PICTURE, SOUND, VIDEO = image_part(b"x"), audio_part(b"x"), video_part(b"x")
TALKING = video_part((INPUTS / "lossless_160x120_96f.mp4").read_bytes())


@pytest.mark.parametrize(
    ("modalities", "part", "said"),
    [
        ((), PICTURE, "text only"),
        (("audio",), PICTURE, "takes no pictures"),
        (("image",), SOUND, "does not hear"),
        (("image",), VIDEO, "takes no videos"),
        (("image", "video"), TALKING, '"audio": false'),
    ],
)
async def test_a_sense_that_the_model_lacks_is_named_with_the_part(
    modalities: tuple[str, ...], part: dict[str, Any], said: str
) -> None:
    engine = ScriptedEngine()
    engine.modalities = frozenset(modalities)
    async with served(engine) as server:
        content = [{"type": "text", "text": "What is it?"}, part]
        body = ASK | {"messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": content}]}
        error = check_error(await server.http.post(CHAT, json=body), 400)
        models = (await server.http.get("/v1/models")).json()["data"]
    assert (error["param"], error["code"]) == ("messages[1].content[1]", "unsupported_modality")
    assert said in error["message"]
    assert models[0]["input_modalities"] == ["text", *modalities]
    assert models[0]["output_modalities"] == ["text"]
    assert "/v1/responses" in models[0]["endpoints"]
