"""Debian's nginx with the configuration of `deploy/nginx`, in front of a test's own servers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest

from tests.deploy.ports import free_ports

LAST_LINES = 20
"""Of what nginx said, when a test fails."""

CONFIGURATION = Path("deploy/nginx/nginx.conf")


@contextmanager
def nginx(servers: Mapping[str, int]) -> Iterator[str]:
    """Its address. `servers` are names in the configuration, and the ports on this machine that stand for them. Tests
    without `nginx` on the path are skipped."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    (port,) = free_ports(1)
    with TemporaryDirectory(prefix="ola") as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(_on_this_machine(CONFIGURATION.read_text(), port, servers))
        user = "user root;" if os.getuid() == 0 else ""  # who may write where the test may
        switches = ["-p", folder, "-c", str(path), "-e", "stderr"]
        switches += ["-g", f"daemon off; error_log stderr notice; {user}"]
        process = subprocess.Popen(["nginx", *switches], stderr=subprocess.PIPE, text=True, process_group=0)
        assert process.stderr is not None
        said = list[str]()
        reader = Thread(target=said.extend, args=(process.stderr,), daemon=True)
        try:
            lines = iter(process.stderr.readline, "")
            assert any("start worker process " in line for line in lines), "nginx does not start"
            reader.start()  # so that nginx never waits for a full pipe
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
            if reader.ident:
                reader.join()
            process.stderr.close()
            print(*said[-LAST_LINES:], sep="")  # shown if a test fails


def _on_this_machine(text: str, port: int, servers: Mapping[str, int]) -> str:
    for old, new in {"listen 8080;": f"listen 127.0.0.1:{port};", "auto;": "1;"}.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    for name, there in servers.items():
        assert text.count(f"server {name} ") == 1, name
        text = text.replace(f"server {name} ", f"server 127.0.0.1:{there} ")
    return text
