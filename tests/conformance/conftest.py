"""OpenAI's Python client to the demo model's server. What it is answered is checked on the way."""

from collections.abc import Iterator

import httpx2
import pytest
from openai import OpenAI

from tests.conformance.strict import StrictTransport


@pytest.fixture(scope="session")
def sdk(demo: str) -> Iterator[OpenAI]:
    http = httpx2.Client(transport=StrictTransport(), timeout=120)
    with OpenAI(base_url=f"{demo}/v1", api_key="none", max_retries=0, http_client=http) as client:
        yield client
