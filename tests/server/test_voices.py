"""The voices over HTTP: listed, added, heard, deleted, refused."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.app import create_app
from server.settings import Settings
from server.store import MemoryStore
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.served import SPOKEN, served
from tests.serving import serving
from tests.tts.recordings import ScriptedImitator, file, tone
from tts.registry import FileRegistry
from tts.speaker import Speaker

pytestmark = pytest.mark.anyio

WORDS = {"name": "anna", "transcript": "What I say.", "consent": "I, Anna, allow it.", "language": "de"}
ANNA = {"object": "audio.voice", "id": "anna", "name": "anna", "kind": "recorded", "languages": ["de"]}
VOICES = "/v1/audio/voices"


@asynccontextmanager
async def imitating(
    folder: Path, imitators: Sequence[ScriptedImitator] | None = None
) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A server with a voice of its own, and recorded ones in `folder`."""
    imitators = [ScriptedImitator(seconds_per_char=0.01)] if imitators is None else imitators
    registry = FileRegistry(folder)
    speaker = Speaker([ScriptedVoice()], {"alloy": "default"}, registry=registry, imitators=imitators)
    app = create_app(Settings(), ScriptedEngine(["A sentence is said here. "]), speaker, MemoryStore(60, 10))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
        yield http


def in_json(**fields: Any) -> dict[str, Any]:
    return {"json": WORDS | {"audio_sample": base64.b64encode(file()).decode()} | fields}


def in_form(sample: bytes | None = None, **fields: str) -> dict[str, Any]:
    return {"data": WORDS | fields, "files": {"audio_sample": ("anna.wav", sample or file(), "audio/wav")}}


def kept_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def error_of(response: httpx.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    assert error["message"]
    return response.status_code, error["code"], error["param"]


@pytest.mark.parametrize("sent", [in_json(), in_form()], ids=["json", "form"])
async def test_a_voice_comes_is_heard_and_goes(tmp_path: Path, sent: dict[str, Any]) -> None:
    imitator = ScriptedImitator(seconds_per_char=0.01)
    spoken = SPOKEN | {"audio": {"voice": "anna", "format": "pcm16"}}
    async with imitating(tmp_path, [imitator]) as http:
        own = (await http.get(VOICES)).json()["data"]
        assert [(voice["name"], voice["kind"]) for voice in own] == [("default", "built-in"), ("alloy", "alias")]
        assert own[0]["languages"] == ["en", "zh"]
        added = await http.post(VOICES, **sent)
        assert added.status_code == 200
        assert added.json() == ANNA | {"created_at": added.json()["created_at"]}
        assert (await http.get(VOICES)).json()["data"] == [*own, ANNA]
        assert (await http.post("/v1/chat/completions", json=spoken)).json()["choices"][0]["message"]["audio"]["data"]
        kept = imitator.made[0][0]
        assert (kept.transcript, kept.consent, kept.lang) == ("What I say.", "I, Anna, allow it.", "de")
        deleted = await http.delete(f"{VOICES}/anna")
        assert deleted.json() == {"object": "audio.voice.deleted", "id": "anna", "name": "anna", "deleted": True}
        for stream in (False, True):
            refused = await http.post("/v1/chat/completions", json=spoken | {"stream": stream})
            assert error_of(refused) == (400, "unknown_voice", "audio.voice")
        assert (await http.get(VOICES)).json()["data"] == own
    assert not kept_in(tmp_path)


async def test_a_data_uri_is_base64_as_well(tmp_path: Path) -> None:
    uri = f"data:audio/wav;base64,{base64.b64encode(file()).decode()}"
    async with imitating(tmp_path) as http:
        assert (await http.post(VOICES, **in_json(audio_sample=uri))).status_code == 200


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        (in_json(name="../../x"), "name"),
        (in_json(name=7), "name"),
        (in_json(transcript=" "), "transcript"),
        (in_json(consent=""), "consent"),
        (in_json(language="no language"), "language"),
        (in_json(audio_sample="%%%"), "audio_sample"),
        (in_json(audio_sample=""), "audio_sample"),
        (in_json(audio_sample=["a"]), "audio_sample"),
        (in_json(audio_sample=base64.b64encode(file(tone(1))).decode()), "audio_sample"),
        (in_json(pitch="high"), "pitch"),
        ({"json": {key: value for key, value in in_json()["json"].items() if key != "consent"}}, "consent"),
        (in_form(sample=b"no sound"), "audio_sample"),
        (in_form(pitch="high"), "pitch"),
        ({"files": in_form()["files"]}, "name"),
        ({"data": WORDS, "files": {"x": b""}}, "x"),
        ({"files": {key: (None, value) for key, value in WORDS.items()}}, "audio_sample"),
        ({"data": WORDS | {"audio_sample": "text"}, "files": {"x": b""}}, "audio_sample"),
        ({"files": [("name", (None, "a")), ("name", (None, "b"))]}, "name"),
    ],
)
async def test_what_is_refused_names_the_field(tmp_path: Path, sent: dict[str, Any], param: str) -> None:
    async with imitating(tmp_path) as http:
        response = await http.post(VOICES, **sent)
        assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert not kept_in(tmp_path)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"", 415),
        ("application/json", b"{", 400),
        ("multipart/form-data", b"no boundary", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nno form", 400),
        ("application/json", bytes(15 * 2**20), 413),
        ("multipart/form-data; boundary=x", bytes(15 * 2**20), 413),
    ],
)
async def test_bodies_that_are_refused(tmp_path: Path, kind: str, body: bytes, status: int) -> None:
    async with imitating(tmp_path) as http:
        response = await http.post(VOICES, content=body, headers={"Content-Type": kind})
        assert response.status_code == status
        assert response.json()["error"]["message"]


async def test_names_are_given_once_and_own_voices_stay(tmp_path: Path) -> None:
    async with imitating(tmp_path) as http:
        assert (await http.post(VOICES, **in_json())).status_code == 200
        for name in ("anna", "default", "alloy"):
            assert error_of(await http.post(VOICES, **in_json(name=name))) == (409, "voice_exists", "name")
        assert error_of(await http.delete(f"{VOICES}/alloy")) == (400, "voice_is_built_in", "name")
        assert error_of(await http.delete(f"{VOICES}/bert")) == (404, "unknown_voice", "name")


async def test_a_voice_that_cannot_imitate(tmp_path: Path) -> None:
    async with imitating(tmp_path) as http:
        await http.post(VOICES, **in_json())
    async with imitating(tmp_path, []) as http:
        refused = await http.post(VOICES, **in_json(name="bert"))
        assert error_of(refused) == (400, "voice_cannot_imitate", None)
        spoken = SPOKEN | {"audio": {"voice": "anna"}}
        assert error_of(await http.post("/v1/chat/completions", json=spoken)) == (400, "voice_cannot_imitate", None)
        assert (await http.get(VOICES)).json()["data"][-1] == ANNA
        assert (await http.delete(f"{VOICES}/anna")).status_code == 200


async def test_a_registry_that_cannot_be_reached(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    async with imitating(tmp_path / "file") as http:
        refused = await http.post(VOICES, **in_json())
        assert error_of(refused) == (503, "voices_unavailable", None)
        assert str(tmp_path) not in refused.text
        assert (await http.post("/v1/chat/completions", json=SPOKEN)).status_code == 200
    assert "RegistryError" in caplog.text


async def test_a_server_is_ready_when_somebody_lent_it_a_default_voice(tmp_path: Path) -> None:
    registry, imitator = FileRegistry(tmp_path), ScriptedImitator(seconds_per_char=0.01)
    speaker = Speaker([], {}, registry=registry, imitators=[imitator])
    app = create_app(Settings(), ScriptedEngine(), speaker, MemoryStore(60, 10))
    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
        assert error_of(await http.get("/ready")) == (503, "voice_failed", None)
        await http.post(VOICES, **in_json(name="default"))
        assert (await http.get("/ready")).status_code == 200


async def test_a_server_without_a_voice() -> None:
    async with served(ScriptedEngine()) as server:
        assert (await server.http.get(VOICES)).json() == {"object": "list", "data": []}
        assert error_of(await server.http.post(VOICES, **in_json())) == (400, "no_voice", None)
        assert error_of(await server.http.delete(f"{VOICES}/anna")) == (400, "no_voice", None)


async def test_the_sample_of_the_documentation(tmp_path: Path) -> None:
    """The smallest request in each form has all that is required."""
    async with imitating(tmp_path) as http:
        schema = (await http.get("/openapi.json")).json()["paths"][VOICES]["post"]["requestBody"]["content"]
        required = json.loads(json.dumps(schema["application/json"]["schema"]["required"]))
        smallest = {name: in_json()["json"][name] for name in required}
        assert (await http.post(VOICES, json=smallest)).status_code == 200
