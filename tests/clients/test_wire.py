"""The rule of dependency: clients know the wire, and nothing of the server."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import clients

FOLDER = Path(clients.__file__).parent
ALLOWED = {"clients", "openai", "rich", "anyio", "websockets", "numpy", "soundfile", "soxr", "sounddevice"}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_is_imported(path: Path) -> None:
    import sys

    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    packages = {name.split(".")[0] for name in imported}
    assert packages <= ALLOWED | sys.stdlib_module_names
