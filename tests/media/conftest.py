"""Closes what the tests of this package share."""

from collections.abc import Iterator

import anyio
import pytest

from tests.media.samples import DECODERS


@pytest.fixture(scope="package", autouse=True)
def decoders() -> Iterator[None]:
    yield
    anyio.run(DECODERS.close)
