"""Fixtures shared by all tests. Async tests are marked `pytest.mark.anyio` and run on asyncio."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import golden_set
from tests.ola_process import ola_serve

HUB_ID = "ola-serve/golden"
COMMIT = "0" * 40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the processes that share the tests, one takes all that need an engine, so that each is started once; of the
    others, a module stays together."""
    for item in items:
        engine = item.get_closest_marker("engine") or {"demo", "ola"} & {*getattr(item, "fixturenames", ())}
        item.add_marker(pytest.mark.xdist_group("engine" if engine else item.nodeid.partition("::")[0]))


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
