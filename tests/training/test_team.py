"""Two processes train one model: they end alike, where one process ends that sees both their batches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.test_loop import STEPS, Line, batch
from training.loop import Job, Run, curve
from training.team import Team, joined

Draw = Callable[[np.random.Generator], tuple[torch.Tensor, torch.Tensor]]


def trained(folder: Path, team: Team, draw: Draw = batch) -> Line:
    torch.manual_seed(0)
    module = Line()
    job = Job("line", STEPS, 1e-2, draw, module.losses, (module.inner,))
    Run(job, module, folder, torch.device("cpu"), team).finish()
    return module


def member(folder: str) -> None:
    """What each process does."""
    team = joined()
    module = trained(Path(folder), team)
    torch.save(module.state_dict(), Path(folder) / f"member-{team.rank}.pt")


def together(dice: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Both members' batches. The first one's source of randomness is that of a process alone."""
    seed = dice.bit_generator.seed_seq.entropy  # type: ignore[attr-defined]
    drawn = [batch(np.random.default_rng([*seed[:2], rank])) for rank in range(2)]
    return torch.cat([x for x, _ in drawn]), torch.cat([y for _, y in drawn])


def test_a_team_is_one_process_with_all_their_batches(tmp_path: Path) -> None:
    code = f"from tests.training.test_team import member; member({str(tmp_path)!r})"
    script = tmp_path / "member.py"
    script.write_text(code)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    first, second = (torch.load(tmp_path / f"member-{rank}.pt", weights_only=True) for rank in range(2))
    alone = trained(tmp_path / "alone", Team(), together).state_dict()
    for name, tensor in alone.items():
        assert torch.equal(first[name], second[name]), name
        # Sums in another order; a process with the first member's batches alone ends 0.07 away.
        torch.testing.assert_close(first[name], tensor, rtol=0, atol=3e-3, msg=name)
    assert [point["step"] for point in curve(tmp_path / "line.jsonl")] == [50, 100, STEPS]
    assert (tmp_path / "line.done.pt").exists()
    assert not (tmp_path / "line.pt").exists()


@pytest.mark.timeout(60)
def test_a_part_ends_with_the_process_that_started_it() -> None:
    part = "import time; from training.team import end_with_parent; end_with_parent(); print('on'); time.sleep(600)"
    make = f"import subprocess, sys; subprocess.run([sys.executable, '-u', '-c', {part!r}])"
    with subprocess.Popen([sys.executable, "-c", make], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.kill()
        assert process.stdout.read() == b""  # the pipe's last writer, the part, is gone
