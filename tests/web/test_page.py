"""The page's files as they are served, and as they are: whole, guarded, open without a key, and valid JavaScript."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from shutil import copy

import pytest

from server.access.access import Access
from server.page import FOLDER
from tests.conformance.node import node
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import SomeKeys
from tests.server.served import served

pytestmark = pytest.mark.anyio

FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".css", ".html", ".js", ".svg"))
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
KINDS = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}


async def test_every_file_is_served_guarded_and_to_everybody() -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys())) as server:
        for path in FILES:
            answer = await server.http.get(f"/web/{path.name}")
            assert answer.status_code == 200
            assert answer.content == path.read_bytes()
            assert answer.headers["content-type"].split(";")[0] == KINDS[path.suffix]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'; script-src 'self';" in answer.headers["content-security-policy"]
        assert (await server.http.get("/")).content == (FOLDER / "index.html").read_bytes()
        assert (await server.http.get("/v1/models")).status_code == 401


async def test_what_has_not_changed_is_not_sent_again() -> None:
    async with served(ScriptedEngine()) as server:
        first = await server.http.get("/")
        assert first.headers["cache-control"] == "no-cache"
        again = await server.http.get("/", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        other = await server.http.get("/", headers={"if-none-match": '"older"'})
        assert other.content == first.content


@pytest.mark.parametrize("name", ["nothing.js", "__init__.py", "..%2F__init__.py", "%2e%2e/%2e%2e/server/app.py"])
async def test_nothing_else_is_served(name: str) -> None:
    async with served(ScriptedEngine()) as server:
        assert (await server.http.get(f"/web/{name}")).status_code == 404


@pytest.fixture
def module(script: Path, tmp_path: Path) -> Path:
    """The script under a name that tells Node that it is a module: it checks no other."""
    return Path(copy(script, tmp_path / f"{script.stem}.mjs"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
async def test_it_is_a_module_without_a_mistake(module: Path) -> None:
    run = await node("--check", str(module))
    assert run.returncode == 0, run.stdout.decode()


def test_it_fetches_nothing_from_elsewhere_and_makes_no_markup_of_text() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", page)


def test_an_installed_package_has_every_file() -> None:
    configured = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = configured["package-data"]["clients.web"]
    assert [path.name for path in FILES if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []


async def test_its_arithmetic() -> None:
    """The modules without a page, in Node: tests/web/*.test.mjs."""
    tests = sorted(str(path.resolve()) for path in Path(__file__).parent.glob("*.test.mjs"))
    run = await node("--test", *tests)
    assert tests
    assert run.returncode == 0, run.stdout.decode()
