"""vLLM's own load generator, which shares no code with ours, against the demo model: as docs/benchmarks.md gives it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ola_process import ENVIRONMENT

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
COMMAND = re.compile(r"^\.venv/bin/python -m loadtests\.vllm_bench (.*?)$(?<!\\)", re.MULTILINE | re.DOTALL)


def documented() -> list[list[str]]:
    found = COMMAND.findall(PAGE.read_text(encoding="utf-8").replace("\\\n", " "))
    return [shlex.split(options) for options in found]


@pytest.mark.engine
@pytest.mark.parametrize("options", documented(), ids=["text", "pictures"])
def test_it_counts_no_failure(options: list[str], demo: str, tmp_path: Path) -> None:
    # An option given twice is the last one.
    few = ["--base-url", demo, "--num-prompts", "4", "--result-dir", str(tmp_path), "--result-filename", "result.json"]
    command = [sys.executable, "-m", "loadtests.vllm_bench", *options, *few]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["completed"], result["failed"]) == (4, 0)
    assert result["total_output_tokens"] == 4 * 32
