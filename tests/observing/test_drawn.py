"""Every query of the dashboard and of the alerts is answered by a real Prometheus that scrapes a loaded server."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
import yaml

from loadtests.dashboard import Panel, Window, drawn, main, measured, panels
from tests.observing.test_deploy import DEPLOY, rules
from tests.scripted_engine import ScriptedEngine
from tests.server.served import SPOKEN, quick_voice, served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]


COUNTED = "sum(rate(ola_requests_total[10s])) > 0 and sum(rate(ola_spoken_answers_total[10s])) > 0"


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncGenerator[str, None]:
    """Debian's Prometheus with our own rules, on a server that it scrapes five times a second."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"]["scrape_interval"] = "200ms"
    config["rule_files"] = [str(DEPLOY / "prometheus" / "alerts.yml")]
    config["scrape_configs"] = [{"job_name": "ola", "static_configs": [{"targets": [target]}]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listening = f"--web.listen-address=127.0.0.1:{port}"
    files = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command = ["prometheus", listening, *files, "--log.level=error"]
    async with await anyio.open_process(command, stdout=None, stderr=None) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def answered(client: httpx.AsyncClient, query: str) -> Any:
    response = await client.get("/api/v1/query", params={"query": query})
    assert response.status_code == 200, response.text
    return response.json()["data"]


async def until_counted(client: httpx.AsyncClient) -> None:
    """Until Prometheus has seen a request come after another."""
    with anyio.fail_after(120):
        # Polled: nothing tells when a server listens, or has scraped.
        while True:
            with suppress(httpx.TransportError):
                if (await client.get("/-/ready")).status_code == 200 and (await answered(client, COUNTED))["result"]:
                    return
            await anyio.sleep(0.1)


async def test_every_query_is_answered_and_what_was_loaded_is_drawn(tmp_path: Path) -> None:
    async with served(ScriptedEngine(["One is here. Two is there."]), quick_voice()) as server:
        target = f"{server.http.base_url.host}:{server.http.base_url.port}"

        async def load() -> None:
            while True:
                await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": True})

        async with prometheus(tmp_path, target) as url, httpx.AsyncClient(base_url=url) as client:
            async with anyio.create_task_group() as users:
                users.start_soon(load)
                await until_counted(client)
                users.cancel_scope.cancel()
            window = Window(time.time() - 10, time.time(), 10)
            lines = {panel.title: await anyio.to_thread.run_sync(measured, url, panel, window) for panel in panels()}
            for rule in rules():
                assert (await answered(client, rule["expr"]))["resultType"] == "vector"
            known = (await client.get("/api/v1/rules")).json()["data"]["groups"]
            out = tmp_path / "all.png"
            await anyio.to_thread.run_sync(main, ["--prometheus", url, "--minutes", "0.2", "--out", str(out)])
    assert {rule["name"] for group in known for rule in group["rules"]} == {rule["alert"] for rule in rules()}
    (continuity,) = lines["Continuity: answers without a gap of 100 ms"]
    assert continuity.name == "continuous"
    assert 0.0 <= continuity.values[-1] <= 1.0
    first_sound = lines["Time to first sound"]
    assert [line.name for line in first_sound] == ["p50 /v1/chat/completions", "p95 /v1/chat/completions"]
    assert not lines["Workers: slots in use"]  # nobody scrapes any here
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_panel_without_data_says_so(tmp_path: Path) -> None:
    drawn([(Panel("Nothing", "s", ()), [])], tmp_path / "none.png")
    assert (tmp_path / "none.png").stat().st_size > 1000
