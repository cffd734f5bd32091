"""Every command of docs/clients.md, as it stands there."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import anyio
import pytest

from tests.clients.running import EXAMPLES, ROOT, SEEN, SUM, environment
from tests.test_documents import code

GUIDE = ROOT / "docs" / "clients.md"

pytestmark = [pytest.mark.engine, pytest.mark.anyio]


async def test_the_commands_of_the_guide(demo: str, tmp_path: Path) -> None:
    here = tmp_path / "models" / "ola-demo" / "examples"
    shutil.copytree(EXAMPLES, here)
    # The command as it is installed, whatever is installed.
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ola").write_text(f'#!/bin/sh\nexec {sys.executable} -m server.commands "$@"\n')
    (programs / "ola").chmod(0o755)
    variables = environment(demo)
    variables["PATH"] = f"{programs}:{variables['PATH']}"
    script = "set -euo pipefail\n" + code(GUIDE, "sh")
    run = await anyio.run_process(["bash", "-c", script], cwd=tmp_path, env=variables, check=False)
    assert run.returncode == 0, run.stderr.decode()
    said = run.stdout.decode()
    assert said.count(SEEN) >= 2
    assert said.count(SUM) >= 2
    assert said.count('"status": "cancelled"') == 1
    made = {path.name for path in here.iterdir()}
    assert made >= {"story.mp3", "talk.json", "answer.wav", "heard.wav", "question.srt", "morning.opus", "morning.mp3"}


def test_every_option_is_in_the_guide_or_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """The guide names no option that is not there."""
    from server.commands import PROGRAMS, start

    shown = ""
    for word, (module, _) in PROGRAMS.items():
        if module.startswith("clients"):
            for line in ([word, "--help"], [word, "add", "--help"])[: 2 if word == "voices" else 1]:
                with pytest.raises(SystemExit):
                    start(line[0], line[1:])
                shown += capsys.readouterr().out
    guide = GUIDE.read_text(encoding="utf-8")
    assert set(re.findall(r"--[a-z][a-z-]*", guide)) <= set(re.findall(r"--[a-z][a-z-]*", shown))
