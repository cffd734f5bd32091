"""What `ola serve --help` says, and that docs/configuration.md says the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from server import cli
from server.serve_help import default, grouped, readable, settings_help
from server.settings import Settings, variable

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
FIELDS = Settings.model_fields


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set."""
    for name in FIELDS:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


def test_every_setting_is_in_one_group_with_what_it_is_for() -> None:
    assert sorted(name for _, names in grouped() for name in names) == sorted(FIELDS)
    assert all(names for _, names in grouped())
    assert [name for name, field in FIELDS.items() if not field.description] == []


def test_what_it_shows_is_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each default, set as it is written there, changes nothing."""
    expected = Settings()
    shown = dict(re.findall(r"^  ([A-Z_]+)=(\S*)", settings_help(), re.M))
    assert set(shown) == {variable(name) for name in FIELDS}
    for name, value in shown.items():
        if value:
            monkeypatch.setenv(name, str(Path(value).expanduser()) if value.startswith("~") else value)
    assert Settings() == expected


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_the_terminal(width: int) -> None:
    prose = [line for line in settings_help(width).splitlines() if line.startswith("      ")]
    assert max(map(len, prose)) <= min(width, 120)


def test_it_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither vLLM nor torch is imported for it."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", "--help"])
    assert not ended.value.code
    shown = capsys.readouterr().out
    for expected in ("--model", "--host", "--port", "OLA_REDIS_URL=", "--help=vllm", "256 MiB"):
        assert expected in shown
    ask = "import sys, server.cli\ntry: server.cli.main(['serve', '--help'])\nexcept SystemExit: pass\n"
    imported = python("-c", f"{ask}print(*sys.modules)").splitlines()[-1].split()
    assert not {"vllm", "torch", "transformers"} & set(imported)


def test_the_page_lists_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \|(.*?)\|", PAGE.read_text(encoding="utf-8"), re.M))
    assert set(rows) == {variable(name) for name in FIELDS}
    for name, field in FIELDS.items():
        assert rows[variable(name)].strip("` ") == (readable(field) or default(field)), name
