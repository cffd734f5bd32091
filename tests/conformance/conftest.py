"""OpenAI's Python client to the demo model's server. What it is answered is checked on the way. For Node, TLS."""

from collections.abc import Iterator

import httpx2
import pytest
import trustme
from openai import OpenAI

from tests.conformance.strict import StrictTransport


@pytest.fixture(scope="session")
def sdk(demo: str) -> Iterator[OpenAI]:
    http = httpx2.Client(transport=StrictTransport(), timeout=120)
    with OpenAI(base_url=f"{demo}/v1", api_key="none", max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Node is told, so that a test can put TLS in front of a server."""
    folder, authority = tmp_path_factory.mktemp("certificate"), trustme.CA()
    own, trusted = folder / "own.pem", folder / "trusted.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    authority.cert_pem.write_to_path(trusted)
    return {"OLA_CERTIFICATE": str(own), "NODE_EXTRA_CA_CERTS": str(trusted)}
