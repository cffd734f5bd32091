"""Secrets for pages: minted with the official SDK, good for sessions only, gone with their time and with their key."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import openai
import pytest
from openai.types.realtime.client_secret_create_response import ClientSecretCreateResponse
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from server.access import secrets
from server.access.access import Access
from server.access.keys.key import KeysError, digest_of
from server.access.secrets import ClientSecret, MemorySecrets, RedisSecrets, SecretsError, is_expired, new_client_secret
from tests.redis_server import redis_server
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.keys import AUTHORIZED, SECRET, SomeKeys, connected
from tests.server.served import ASK, Served, served
from tests.server.test_errors import check_error

pytestmark = pytest.mark.anyio

PATH = "/v1/realtime/client_secrets"


@asynccontextmanager
async def talking(access: Access, key: str = SECRET, **settings: Any) -> AsyncIterator[Served]:
    """A server whose sessions can be opened."""
    async with served(ScriptedEngine(), access=access, key=key, **settings) as server:
        yield server


async def heard(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next event of this type."""
    while (event := json.loads(await socket.recv()))["type"] != kind:
        pass
    return cast(dict[str, Any], event)


async def is_served(socket: ClientConnection) -> bool:
    """Whether the session begins and hears what is said."""
    await heard(socket, "session.created")
    await socket.send('{"type": "input_audio_buffer.clear"}')
    return bool(await heard(socket, "input_audio_buffer.cleared"))


@asynccontextmanager
async def session(
    server: Served, secret: str | None = None, route: str = "/v1/realtime", **options: Any
) -> AsyncIterator[Any]:
    """A WebSocket as a page opens it, with the secret as a subprotocol."""
    protocols = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{secret}")] if secret else None
    url = str(server.http.base_url).replace("http", "ws", 1) + route
    async with connect(url, subprotocols=protocols, **options) as socket:
        yield socket


async def refusal(server: Served, secret: str | None = None, **options: Any) -> tuple[int, str]:
    """The status and the code with which a WebSocket is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with session(server, secret, **options):
            pass
    response = refused.value.response
    assert response.body is not None
    assert secret is None or secret.encode() not in response.body
    return response.status_code, json.loads(response.body)["error"]["code"]


async def test_a_secret_is_minted_and_opens_a_session() -> None:
    async with talking(Access(SomeKeys())) as server:
        before = int(time.time())
        minted = await server.sdk.realtime.client_secrets.create()
        assert minted.value.startswith("ek_")
        assert before + 600 <= minted.expires_at <= before + 602
        async with session(server, minted.value) as socket:
            assert socket.subprotocol == "realtime"
            assert await is_served(socket)
        async with session(server, additional_headers={"authorization": f"Bearer {minted.value}"}) as socket:
            assert await is_served(socket)


async def test_it_opens_a_stream_of_speech() -> None:
    speech = "/v1/audio/speech/stream"
    async with served(ScriptedEngine(), ScriptedVoice(), access=Access(SomeKeys()), key=SECRET) as server:
        minted = await server.sdk.realtime.client_secrets.create()
        async with session(server, minted.value, speech) as socket:
            assert socket.subprotocol == "realtime"  # without one browsers would fail the handshake
            await socket.send('{"type": "input_text.cancel"}')
            assert await heard(socket, "input_text.cancelled")
        async with session(server, None, speech, additional_headers=AUTHORIZED) as socket:
            assert socket.subprotocol is None


async def test_it_opens_nothing_else() -> None:
    async with talking(Access(SomeKeys())) as server:
        minted = await server.sdk.realtime.client_secrets.create()
        page = server.sdk.with_options(api_key=minted.value)
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await page.chat.completions.create(**ASK)
        assert refused.value.code == "insufficient_permissions"
        with pytest.raises(openai.PermissionDeniedError):
            await page.realtime.client_secrets.create()
        with pytest.raises(openai.PermissionDeniedError):
            await page.models.list()


async def test_it_ends_in_time_and_with_its_key() -> None:
    keys, now = SomeKeys(), time.time()
    access = Access(keys, secrets=MemorySecrets(lambda: now))
    async with talking(access) as server:
        minted = await server.sdk.realtime.client_secrets.create(expires_after={"anchor": "created_at", "seconds": 10})
        del keys.names[SECRET]
        assert await refusal(server, minted.value) == (401, "invalid_api_key")
        keys.names[SECRET] = "anna"
        async with session(server, minted.value):
            pass
        now += 11
        # By the store's clock it is over, by the gate's not yet: then it is only unknown.
        assert await refusal(server, minted.value) == (401, "invalid_api_key")
        over = new_client_secret(int(time.time()) - 1)
        assert await refusal(server, over) == (401, "client_secret_expired")
        assert await refusal(server, "ek_") == (401, "invalid_api_key")
        assert await refusal(server, "ek_nothex") == (401, "invalid_api_key")
        assert await refusal(server, "sk-ola-wrong") == (401, "invalid_api_key")
        assert await refusal(server) == (401, "invalid_api_key")


async def test_a_whole_key_opens_sessions_too() -> None:
    async with talking(Access(SomeKeys())) as server:
        async with session(server, SECRET) as socket:
            assert await is_served(socket)
        async with session(server, additional_headers=AUTHORIZED) as socket:
            assert await is_served(socket)


async def test_sessions_share_the_limits_of_the_key() -> None:
    async with talking(Access(SomeKeys(concurrent_sessions=1, input_bytes_per_minute=2**21))) as server:
        minted = await server.sdk.realtime.client_secrets.create()
        async with session(server, minted.value) as socket:
            assert await refusal(server, SECRET) == (429, "rate_limit_exceeded")
            for _ in range(4):
                await socket.send(json.dumps({"type": "x" * 900_000}))
            codes = {(await heard(socket, "error"))["error"]["code"] for _ in range(4)}
            assert codes == {"invalid_value", "rate_limit_exceeded"}
        assert (await server.http.get("/v1/models", headers=AUTHORIZED)).status_code == 429


async def test_a_session_ends_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.access.intake.CHECK_SECONDS", 0)
    keys = SomeKeys()
    async with talking(Access(keys)) as server, session(server, SECRET) as socket:
        await heard(socket, "session.created")
        keys.broken = KeysError("gone for a while")
        await socket.send('{"type": "input_audio_buffer.clear"}')
        await heard(socket, "input_audio_buffer.cleared")
        keys.broken = None
        del keys.names[SECRET]
        await socket.send("Hi again")
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1008, "invalid_api_key")


async def test_sessions_count_among_all_that_is_worked_on() -> None:
    async with talking(Access(SomeKeys()), max_requests=1) as server:
        async with session(server, SECRET) as socket:
            await socket.recv()
            assert await refusal(server, SECRET) == (503, "server_busy")
        assert (await server.http.get("/health")).status_code == 200


# What is asked and answered


async def test_the_answer_is_what_the_sdk_expects() -> None:
    asked: dict[str, Any] = {
        "type": "realtime",
        "instructions": "Be kind.",
        "output_modalities": ["audio"],
        "audio": {"output": {"voice": "alloy"}, "input": {"turn_detection": {"type": "server_vad", "threshold": 0.4}}},
        "tools": [{"type": "function", "name": "add", "parameters": {"type": "object"}}],
    }
    async with served(ScriptedEngine()) as server:  # without keys as well: pages need not know
        for session in ({"type": "transcription", "audio": {"input": {"noise_reduction": None}}}, asked):
            answer = (await server.http.post(PATH, json={"session": session})).json()
            ClientSecretCreateResponse.model_validate(answer)
            assert session.items() <= answer["session"].items()
    assert answer["session"]["model"] == MODEL
    assert answer["session"]["object"] == "realtime.session"


async def test_names_of_openais_models_and_our_extensions_are_taken() -> None:
    asked = {"type": "realtime", "model": "gpt-realtime", "ola": {"pacing": "none"}}
    async with served(ScriptedEngine()) as server:
        answer = (await server.http.post(PATH, json={"session": asked})).json()
        assert asked.items() <= answer["session"].items()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": "60"}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "now", "seconds": 60}}, "expires_after.anchor"),
        ({"expires": 60}, "expires"),
        ({"session": []}, "session"),
        ({"session": {}}, "session.type"),
        ({"session": {"type": "film"}}, "session.type"),
        ({"session": {"type": "realtime", "instructions": 3}}, "session.instructions"),
        ({"session": {"type": "realtime", "mood": "kind"}}, "session.mood"),
        ({"session": {"type": "realtime", "audio": {"output": {"pitch": 3}}}}, "session.audio.output.pitch"),
        ({"session": {"type": "realtime", "ola": {"pace": "none"}}}, "session.ola.pace"),
        ({"session": {"type": "realtime", "model": "other"}}, "session.model"),
    ],
)
async def test_what_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    async with served(ScriptedEngine()) as server:
        response = await server.http.post(PATH, json=body)
        assert check_error(response, 404 if param == "session.model" else 400)["param"] == param


async def test_what_is_kept_is_bounded() -> None:
    async with served(ScriptedEngine()) as server:
        session = {"type": "realtime", "instructions": "x" * 70_000}
        check_error(await server.http.post(PATH, json={"session": session}), 413)


# Where they are kept


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server() as server:
        yield server.url


async def test_every_process_of_a_deployment_knows_them(redis_url: str) -> None:
    async with connected(redis_url) as one, connected(redis_url) as two:
        keys = SomeKeys()
        async with (
            talking(Access(keys, secrets=RedisSecrets(one))) as minting,
            talking(Access(keys, secrets=RedisSecrets(two))) as serving,
        ):
            minted = await minting.sdk.realtime.client_secrets.create()
            async with session(serving, minted.value) as socket:
                assert await is_served(socket)
        (name,) = await one.keys("ola:secret:*")
        assert minted.value.encode() not in name + await one.get(name)
        assert 590 < await one.ttl(name) <= 600


async def test_a_redis_that_is_gone_opens_nothing(redis_url: str) -> None:
    async with connected("redis://127.0.0.1:1") as redis:
        with pytest.raises(SecretsError):
            await RedisSecrets(redis).find("x")
        async with talking(Access(SomeKeys(), secrets=RedisSecrets(redis))) as server:
            assert await refusal(server, new_client_secret(2**31)) == (503, "secrets_unavailable")


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "MAX_KEPT", 3)
    now = 0.0
    kept = MemorySecrets(lambda: now)
    for number in range(5):
        await kept.keep(digest_of(b"%d" % number), ClientSecret(parent=None, expires_at=10, session={}))
    found = [await kept.find(digest_of(b"%d" % number)) is not None for number in range(5)]
    assert found == [False, False, True, True, True]
    now = 10
    assert await kept.find(digest_of(b"4")) is None


def test_a_secret_says_when_it_ends() -> None:
    assert not is_expired(new_client_secret(1000).encode(), 999)
    assert is_expired(new_client_secret(1000).encode(), 1000)
    assert len({new_client_secret(1000) for _ in range(10)}) == 10
