"""Pages of the web: which may talk to the server, and which may read what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from server import cli
from server.access.access import Access, opened_access
from server.access.keys.key import KeysError
from server.access.origins import Origins
from server.settings import Settings
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import AUTHORIZED, SECRET, SomeKeys
from tests.server.served import ASK, served
from tests.server.test_client_secrets import is_served, refusal, session, talking
from tests.server.test_errors import check_error

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
APP, EVIL = "https://app.example", "https://evil.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-os"}


async def test_a_listed_page_may_read_answers_and_errors() -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys(requests_per_minute=1)), origins=APP) as server:
        asked = await server.http.options(CHAT, headers=PREFLIGHT | {"origin": APP})
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == APP
        assert "x-stainless-os" in asked.headers["access-control-allow-headers"]
        for status in (200, 429):
            answer = await server.http.post(CHAT, json=ASK, headers=AUTHORIZED | {"origin": APP})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == APP
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert {"x-request-id", "retry-after", "x-ratelimit-remaining-requests"} <= set(exposed)
            assert "access-control-allow-credentials" not in answer.headers
        refused = await server.http.post(CHAT, json=ASK, headers={"origin": APP})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, APP)


@pytest.mark.parametrize("origins", ["", APP])
async def test_another_page_may_read_nothing(origins: str) -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys()), origins=origins) as server:
        asked = await server.http.options(CHAT, headers=PREFLIGHT | {"origin": EVIL})
        assert asked.status_code >= 400
        answer = await server.http.get("/v1/models", headers=AUTHORIZED | {"origin": EVIL})
        for response in (asked, answer):
            assert "access-control-allow-origin" not in response.headers


async def test_without_keys_a_strange_page_changes_nothing() -> None:
    """Nor does one that needs no preflight: a form."""
    async with served(ScriptedEngine()) as server:
        for origin in (EVIL, "null", "http://127.0.0.1:1", "http://127.0.0.1"):
            headers = {"origin": origin}
            for response in (
                await server.http.post(CHAT, json=ASK, headers=headers),
                await server.http.post("/v1/audio/voices", files={"audio_sample": b"x"}, headers=headers),
                await server.http.delete("/v1/audio/voices/anna", headers=headers),
            ):
                assert check_error(response, 403)["code"] == "origin_not_allowed"
        own = str(server.http.base_url).rstrip("/")
        assert (await server.http.post(CHAT, json=ASK, headers={"origin": own})).status_code == 200
    assert len(server.engine.requests) == 1


@pytest.mark.parametrize(
    ("headers", "code"),
    [({"host": "["}, "host_not_allowed"), ({"origin": "http://["}, "origin_not_allowed")],
)
async def test_without_keys_a_malformed_name_is_nobody(headers: dict[str, str], code: str) -> None:
    async with served(ScriptedEngine()) as server:
        assert check_error(await server.http.post(CHAT, json=ASK, headers=headers), 403)["code"] == code


async def test_without_keys_a_rebound_name_is_nobody() -> None:
    async with served(ScriptedEngine(), origins="https://ola.example") as server:
        for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"):
            for path in ("/v1/models", "/metrics"):
                response = await server.http.get(path, headers={"host": host, "origin": f"http://{host}"})
                assert check_error(response, 403)["code"] == "host_not_allowed"
        for host in ("localhost", "LOCALHOST:8000", "ola.localhost", "[::1]:8000", "192.168.1.5", "ola.example"):
            assert (await server.http.get("/v1/models", headers={"host": host})).status_code == 200
        metrics = (await server.http.get("/metrics")).text
    assert 'ola_rejected_requests_total{reason="host_not_allowed"} 8.0' in metrics


async def test_whoever_opens_the_server_to_all_may_call_it_anything() -> None:
    async with served(ScriptedEngine(), keys="none") as server:
        assert (await server.http.get("/v1/models", headers={"host": "ola"})).status_code == 200
        check_error(await server.http.post(CHAT, json=ASK, headers={"host": "ola", "origin": EVIL}), 403)


async def test_with_a_key_hosts_and_origins_of_requests_do_not_matter() -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys())) as server:
        headers = AUTHORIZED | {"host": "ola.example", "origin": EVIL}
        assert (await server.http.post(CHAT, json=ASK, headers=headers)).status_code == 200


async def test_sessions_are_for_listed_pages_and_for_programs() -> None:
    """Browsers ask no preflight for a WebSocket."""
    options: Any
    async with talking(Access(SomeKeys()), origins=APP) as server:
        own = str(server.http.base_url).rstrip("/")
        for options in ({}, {"origin": APP}, {"origin": own}):
            async with session(server, SECRET, **options) as socket:
                assert await is_served(socket)
        for origin in (EVIL, "null"):
            assert await refusal(server, SECRET, origin=origin) == (403, "origin_not_allowed")


@pytest.mark.parametrize("keys", [None, "none"])
async def test_without_keys_sessions_are_for_the_same(keys: str | None) -> None:
    async with talking(Access(), keys=keys) as server:
        async with session(server) as socket:
            assert await is_served(socket)
        assert await refusal(server, origin=EVIL) == (403, "origin_not_allowed")


def test_any_page_if_the_operator_says_so() -> None:
    scope = {"type": "websocket", "headers": [(b"host", b"ola"), (b"origin", b"https://evil.example")]}
    Origins(("*",)).check(scope, keyless=False)


# Settings


def test_origins_are_written_as_browsers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLA_ORIGINS", "https://App.example/, http://localhost:5173")
    assert Settings().origins == (APP, "http://localhost:5173")
    for wrong in ("app.example", "https://", "https://app.example/page"):
        monkeypatch.setenv("OLA_ORIGINS", wrong)
        with pytest.raises(ValidationError, match="is no origin"):
            Settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "ola.example"])
def test_nobody_is_let_in_by_mistake(host: str) -> None:
    with pytest.raises(ValidationError, match="OLA_KEYS"):
        Settings(host=host)
    assert Settings(host=host, keys="none").host == host
    assert Settings(host=host, keys="keys.json").host == host


def test_the_start_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"OLA_HOST=0\.0\.0\.0 .* set OLA_KEYS"):
        cli.main(["serve", "--host", "0.0.0.0"])


async def test_a_server_whose_keys_are_not_there_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="`ola keys create NAME` makes it"):
        async with opened_access(Settings(keys=str(tmp_path / "keys.json"))):
            pass
    with pytest.raises(KeysError, match="Redis"):
        async with opened_access(Settings(keys="redis", redis_url="redis://127.0.0.1:1")):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_the_own_machine_no_keys_are_needed(host: str) -> None:
    assert Settings(host=host).keys is None
