"""A server that is stopped, or killed, takes its engine's processes and its voice's with it."""

from __future__ import annotations

import signal
import subprocess
from time import perf_counter

import pytest

from tests import golden_set
from tests.ola_process import ola_process

pytestmark = pytest.mark.engine

END_SECONDS = 20


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_nothing_is_left(how: signal.Signals) -> None:
    with ola_process(golden_set.CHECKPOINT, "--dtype", "float32", "--enforce-eager") as (process, _):
        assert len(members(process.pid)) > 3  # the server, the engine's core, a worker and the voice at the least
        process.send_signal(how)
        deadline = perf_counter() + END_SECONDS
        while left := members(process.pid):
            assert perf_counter() < deadline, left
        assert process.wait() == (0 if how is signal.SIGTERM else -how)


def members(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    listing = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    fields = (line.split(maxsplit=2) for line in listing.splitlines())
    return [args for pgid, state, args in fields if int(pgid) == group and not state.startswith("Z")]
