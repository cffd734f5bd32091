"""Our audio routes attached to an app that is not ours, with the embedded voice."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from tomllib import loads

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import connect

from server.plugin import AudioRoutes
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.server.test_errors import check_error
from tests.serving import serving

pytestmark = pytest.mark.anyio

ASK = {"model": MODEL, "input": "Hello there.", "voice": "alloy", "response_format": "pcm"}


def stock_app(lived: list[str]) -> FastAPI:
    """Another server, with a route and a lifespan of its own."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        lived.append("started")
        yield
        lived.append("ended")

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/audio/transcriptions")
    async def transcriptions() -> dict[str, str]:
        return {"text": "theirs"}

    return app


@asynccontextmanager
async def plugged(lived: list[str]) -> AsyncGenerator[str, None]:
    app, plugin = stock_app(lived), AudioRoutes()
    plugin._engine = ScriptedEngine()  # what `init_state` makes of vLLM's state
    plugin.attach_router(app)
    async with serving(app) as url:
        yield url


async def test_both_apps_answer_each_in_its_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OLA_VOICES_FOLDER", str(tmp_path))
    lived = list[str]()
    async with plugged(lived) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        answer = await http.post("/v1/audio/speech", json=ASK)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/pcm")
        assert len(answer.content) > 24_000
        assert check_error(await http.post("/v1/audio/speech", json=ASK | {"voice": "bob"}), 400)["param"] == "voice"
        assert check_error(await http.post("/v1/audio/speech", json=ASK | {"model": "x"}), 404)["param"] == "model"
        assert "alloy" in {voice["id"] for voice in (await http.get("/v1/audio/voices")).json()["data"]}
        assert (await http.post("/v1/audio/transcriptions")).json() == {"text": "theirs"}
        assert check_error(await http.get("/v1/audio/speech"), 405)
        assert (await http.get("/nowhere")).json() == {"detail": "Not Found"}
        assert lived == ["started"]
        async with connect(f"{url.replace('http', 'ws')}/v1/audio/speech/stream") as connection:
            assert json.loads(await connection.recv())["type"] == "session.created"
    assert lived == ["started", "ended"]


def test_the_entry_point_is_what_vllm_asks_for() -> None:
    groups = loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    ((name, value),) = groups["vllm.endpoint_plugins"].items()
    plugin = EntryPoint(name, value, "vllm.endpoint_plugins").load()()
    assert plugin.name == name
    assert plugin.required_tasks == ("generate",)
