"""Who is let in: keys on every route, told in OpenAI's way, before anything of the request is read."""

from __future__ import annotations

import logging

import anyio
import httpx
import openai
import pytest

from server.access.access import Access
from server.access.keys.key import KeysError
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import AUTHORIZED, SECRET, SomeKeys
from tests.server.served import ASK, Served, served
from tests.server.test_errors import check_error

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
OPEN = {"/health", "/ready", "/docs", "/openapi.json"}


def keyed() -> Access:
    return Access(SomeKeys())


async def test_only_what_is_meant_to_be_open_is_open() -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        documented = (await server.http.get("/openapi.json")).json()["paths"]
        requests = [(method.upper(), path) for path, methods in documented.items() for method in methods]
        assert len(requests) > 5
        for method, path in [
            *requests,
            ("GET", "/docs"),
            ("GET", "/nowhere"),
            ("POST", "/health/"),
            ("GET", "/%2Fhealth"),
            ("GET", "/web"),
        ]:
            asked = path.replace("{name}", "x").replace("{model_id}", "x")
            response = await server.http.request(method, server.http.base_url.copy_with(raw_path=asked.encode()))
            if path in OPEN:
                assert response.status_code == 200, path
            else:
                check_error(response, 401)
    assert server.engine.requests == []


async def test_the_sdk_sees_its_own_errors() -> None:
    async with served(ScriptedEngine(["Hello."]), access=keyed(), key="sk-ola-wrong") as server:
        with pytest.raises(openai.AuthenticationError) as refused:
            await server.sdk.chat.completions.create(**ASK)
        assert refused.value.code == "invalid_api_key"
        assert "sk-ola-wrong" not in str(refused.value)
        right = server.sdk.with_options(api_key=SECRET)
        completion = await right.chat.completions.create(**ASK)
        assert completion.choices[0].message.content == "Hello."
        assert [model.id async for model in right.models.list()]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": SECRET},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Bearer {SECRET}x"},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": f"Bearer {SECRET} {SECRET}"},
        {"api-key": SECRET},
        {"x-api-key": SECRET},
        {"cookie": f"authorization=Bearer {SECRET}"},
    ],
)
async def test_what_is_no_key_is_told_how_to_show_one(headers: dict[str, str]) -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        response = await server.http.post(CHAT, json=ASK, headers=headers)
    error = check_error(response, 401)
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    assert response.headers["www-authenticate"].startswith('Bearer realm="ola-serve"')


async def test_two_keys_at_once_are_none() -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        headers = [("authorization", f"Bearer {SECRET}"), ("authorization", "Bearer x")]
        check_error(await server.http.get("/v1/models", headers=headers), 401)


async def test_the_scheme_may_be_written_in_any_case() -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        response = await server.http.get("/v1/models", headers={"authorization": f"bEARER {SECRET}"})
    assert response.status_code == 200


async def test_a_key_in_the_address_is_not_one() -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        check_error(await server.http.get(f"/v1/models?api_key={SECRET}&key={SECRET}"), 401)


async def test_the_answer_comes_before_the_body() -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        host, port = server.http.base_url.host, server.http.base_url.port
        assert port is not None
        async with await anyio.connect_tcp(host, port) as connection:
            await connection.send(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"expect: 100-continue\r\ncontent-length: 100000000\r\n\r\n"
            )
            assert (await connection.receive()).startswith(b"HTTP/1.1 401")


async def test_a_key_for_figures_opens_nothing_else() -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys(scope="metrics"))) as server:
        assert (await server.http.get("/metrics", headers=AUTHORIZED)).status_code == 200
        error = check_error(await server.http.post(CHAT, json=ASK, headers=AUTHORIZED), 403)
        assert (error["type"], error["code"]) == ("permission_error", "insufficient_permissions")


async def test_keys_that_cannot_be_looked_up_open_nothing() -> None:
    keys = SomeKeys()
    async with served(ScriptedEngine(), access=Access(keys)) as server:
        keys.broken = KeysError("redis://:password@host is gone")
        error = check_error(await server.http.get("/v1/models", headers=AUTHORIZED), 503)
        assert error["code"] == "keys_unavailable"
        assert "password" not in error["message"]
        keys.broken = None
        assert (await server.http.get("/v1/models", headers=AUTHORIZED)).status_code == 200


async def test_a_revoked_key_ends_at_once_and_its_answers_go_on() -> None:
    gate, keys = anyio.Event(), SomeKeys()
    async with served(ScriptedEngine(["one ", "two"], gates={1: gate}), access=Access(keys)) as server:
        body = ASK | {"stream": True}
        async with server.http.stream("POST", CHAT, json=body, headers=AUTHORIZED) as response:
            del keys.names[SECRET]
            check_error(await server.http.get("/v1/models", headers=AUTHORIZED), 401)
            gate.set()
            assert "two" in (await response.aread()).decode()


async def test_no_key_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "server")
    caplog.set_level(logging.DEBUG, "uvicorn")
    keys = SomeKeys()
    engine = ScriptedEngine(refuse=RuntimeError("our fault"))
    async with served(engine, access=Access(keys)) as server:
        check_error(await server.http.post(CHAT, json=ASK, headers=AUTHORIZED), 500)
        await server.http.get("/v1/models", headers={"authorization": "Bearer sk-ola-wrong"})
        keys.broken = KeysError("gone")
        await server.http.get("/v1/models", headers=AUTHORIZED)
    assert "our fault" in caplog.text
    assert "sk-ola" not in caplog.text


async def test_those_turned_away_are_counted_by_reason() -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        for _ in range(3):
            await server.http.get("/v1/models")
        lines = (await server.http.get("/metrics", headers=AUTHORIZED)).text.splitlines()
    assert 'ola_rejected_requests_total{reason="invalid_api_key"} 3.0' in lines
    assert "anna" not in "".join(lines)


# Around a request


async def request_id(server: Served, given: str | None) -> str:
    headers = {} if given is None else {"x-request-id": given}
    response: httpx.Response = await server.http.get("/health", headers=headers)
    return response.headers["x-request-id"]


async def test_every_answer_has_an_id() -> None:
    async with served(ScriptedEngine()) as server:
        assert await request_id(server, "my-id_1.2:3") == "my-id_1.2:3"
        made = {await request_id(server, given) for given in (None, None, "", "a b", "a\tb", "x" * 129)}
        assert len(made) == 6
        assert all(each.startswith("req_") for each in made)
        stream = await server.http.post(CHAT, json=ASK | {"stream": True})
        assert stream.headers["x-request-id"].startswith("req_")
        completion = await server.sdk.chat.completions.create(**ASK)
        assert completion._request_id is not None


async def test_whoever_has_a_get_has_a_head() -> None:
    async with served(ScriptedEngine(), access=keyed()) as server:
        for path in ("/health", "/ready", "/v1/models", "/metrics"):
            got = await server.http.get(path, headers=AUTHORIZED)
            head = await server.http.head(path, headers=AUTHORIZED)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-type"] == got.headers["content-type"]
        assert (await server.http.head("/v1/models")).status_code == 401
        assert (await server.http.head(CHAT, headers=AUTHORIZED)).status_code == 405
