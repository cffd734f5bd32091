"""A module of this package as a process that takes jobs: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class ChildError(Exception):
    """The process ended instead of answering; what it said is on standard error."""


class Child:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **job: Any) -> dict[str, Any]:
        """Hand in a job and wait for what comes of it.

        Raises:
            ChildError: nothing comes any more.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ChildError(f"a child process ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def child(module: str, *arguments: str, **environment: str) -> Iterator[Child]:
    """The process, until the block is left."""
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, env=os.environ | environment, stdin=pipe, stdout=pipe) as process:
        try:
            yield Child(process)
        finally:
            process.kill()
