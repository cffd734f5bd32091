"""Fixtures shared by all tests. Async tests are marked `pytest.mark.anyio` and run on asyncio."""

from collections.abc import Iterator

import pytest

from tests import golden_set
from tests.ola_process import ola_serve


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def ola() -> Iterator[str]:
    """Address of a server with the golden checkpoint on the real vLLM engine. It reports raw logits as logprobs."""
    options = ("--dtype", "float32", "--logprobs-mode", "raw_logits", "--max-logprobs", "1000")
    with ola_serve(golden_set.CHECKPOINT, *options) as address:
        yield address
