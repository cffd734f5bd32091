"""Fixtures shared by all tests. Async tests are marked `pytest.mark.anyio` and run on asyncio."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import golden_set
from tests.ola_process import ola_serve

HUB_ID = "ola-serve/golden"
COMMIT = "0" * 40


def pytest_configure() -> None:
    """Ctrl-C is a signal again for the processes that tests start: whoever runs the tests in the background ignores
    it, and they would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses an engine is marked so: `make test` runs all that in a process of its own."""
    for item in items:
        if {"demo", "ola"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker("engine")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def hub_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache that holds the golden checkpoint as HUB_ID, as if it had been downloaded."""
    home = tmp_path_factory.mktemp("huggingface")
    repository = home / "hub" / f"models--{HUB_ID.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for file in golden_set.CHECKPOINT.iterdir():
        (snapshot / file.name).symlink_to(file)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return home


@pytest.fixture(scope="session")
def ola(hub_cache: Path) -> Iterator[str]:
    """Address of a server with the golden checkpoint on the real vLLM engine, named by its hub id and without a
    network. It reports raw logits as logprobs."""
    options = ("--dtype", "float32", "--logprobs-mode", "raw_logits", "--max-logprobs", "1000")
    with ola_serve(HUB_ID, *options, environment={"HF_HOME": str(hub_cache)}) as address:
        yield address


@pytest.fixture(scope="session")
def demo() -> Iterator[str]:
    """Address of a server with the demo model, as `make serve` starts it."""
    with ola_serve("models/ola-demo") as address:
        yield address
