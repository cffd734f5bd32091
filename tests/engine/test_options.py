"""vLLM's options by way of `ola serve --help`, and whether those exist that our files and documents use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from vllm.utils.argparse_utils import FlexibleArgumentParser

from server import cli
from tests.deploy.files import ENGINE_OPTIONS

SCALING = Path(__file__).parents[2] / "docs" / "scaling.md"


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM remembers for the rest of a process what was asked."""
    monkeypatch.setattr(FlexibleArgumentParser, "_search_keyword", None)


def shown(capsys: pytest.CaptureFixture[str], what: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", f"--help={what}"])
    assert not ended.value.code
    return capsys.readouterr().out


def test_the_groups_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = shown(capsys, "vllm")
    assert "SchedulerConfig" in listed
    assert "--max-num-seqs" not in listed


@pytest.mark.parametrize("what", ["schedulerconfig", "max-num-seqs"])
def test_a_group_or_a_word_is_looked_up(capsys: pytest.CaptureFixture[str], what: str) -> None:
    assert "--max-num-seqs" in shown(capsys, what)


def test_the_options_that_we_write_down_exist(capsys: pytest.CaptureFixture[str]) -> None:
    options = set(re.findall(r"--[a-z][\w-]+", shown(capsys, "all")))
    written = re.findall(r"--(?:tensor|pipeline|data|distributed)-[\w-]+", SCALING.read_text(encoding="utf-8"))
    assert written
    assert options >= ENGINE_OPTIONS | set(written)
