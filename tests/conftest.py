"""Fixtures shared by all tests. Async tests are marked `pytest.mark.anyio` and run on asyncio."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
