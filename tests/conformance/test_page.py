"""A page's session through OpenAI's JavaScript SDK: opened by a secret that was lent to it, shown in a subprotocol."""

from __future__ import annotations

import pytest

from server.access.access import Access
from tests.conformance.node import node
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import SECRET, SomeKeys
from tests.server.served import quick_voice, served

pytestmark = pytest.mark.anyio


async def test_a_secret_that_was_lent_opens_the_session_that_it_is_for(certificate: dict[str, str]) -> None:
    async with served(ScriptedEngine(), quick_voice(), access=Access(SomeKeys()), key=SECRET) as server:
        minted = await server.sdk.realtime.client_secrets.create(
            session={"type": "realtime", "model": "ola-demo", "instructions": "Be brief."}
        )
        address = str(server.http.base_url)
        for secret, returncode in ((minted.value, 0), (f"{minted.value}x", 1), ("none", 1)):
            run = await node("page.mjs", OLA_ADDRESS=address, OLA_SECRET=secret, **certificate)
            assert run.returncode == returncode, run.stdout.decode()
    assert server.engine.requests[0]["messages"][0]["content"] == "Be brief."
    assert len(server.engine.requests) == 1
