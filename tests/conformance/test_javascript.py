"""Runs the tests of js/ in Node: OpenAI's JavaScript SDKs as clients of the same server. Another file is found."""

from __future__ import annotations

import pytest

from tests.conformance.node import FOLDER, node

pytestmark = [pytest.mark.engine, pytest.mark.anyio]


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.test.mjs")))
async def test_the_javascript_sdks(demo: str, certificate: dict[str, str], file: str) -> None:
    # A connection that is left open would keep Node waiting.
    run = await node("--test", "--test-force-exit", file, OLA_ADDRESS=demo, **certificate)
    assert run.returncode == 0, run.stdout.decode()
