"""A job that is killed and started again ends where an undisturbed one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training import loop
from training.loop import Job, Parts, Run, TrainingError, alone, curve, scheduled

Draw = Callable[[np.random.Generator], tuple[Tensor, Tensor]]

STEPS = 120


class Line(nn.Module):
    """Learns a line; small enough to train in a second."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.frozen = nn.Linear(4, 4), nn.Linear(4, 4)

    def losses(self, batch: tuple[Tensor, Tensor]) -> Parts:
        return {"square": (self.frozen(self.inner(batch[0])) - batch[1]).square().mean()}


def batch(dice: np.random.Generator) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(dice.standard_normal((8, 4)).astype(np.float32))
    return x, x.flip(1)


def run(folder: Path, draw: Draw = batch, steps: int = STEPS) -> Line:
    torch.manual_seed(0)
    module = Line()
    Run(Job("line", steps, 1e-2, draw, module.losses, (module.inner,)), module, folder, torch.device("cpu")).finish()
    return module


def slowly(folder: str) -> None:
    """The same in a process that will be killed: saves at every step."""
    loop.SAVE_SECONDS = 0
    run(Path(folder))


def kill_halfway(folder: Path) -> int:
    """Begin in another process and kill that; how many steps it has saved."""
    code = f"from tests.training.test_loop import slowly; slowly({str(folder)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, start_new_session=True)
    lines = folder / "line.jsonl"
    while not (lines.exists() and lines.read_text()) and process.poll() is None:
        pass
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "line.done.pt").exists()
    return int(torch.load(folder / "line.pt", weights_only=True)["step"])


def test_a_killed_job_goes_on_where_it_was(tmp_path: Path) -> None:
    undisturbed = run(tmp_path / "undisturbed")
    saved = kill_halfway(tmp_path / "killed")
    assert saved >= 49
    old = {float(batch(np.random.default_rng([0, step, 0]))[0][0, 0]) for step in range(saved)}

    def unseen(dice: np.random.Generator) -> tuple[Tensor, Tensor]:
        drawn = batch(dice)
        assert float(drawn[0][0, 0]) not in old, "it began anew"
        return drawn

    lines = tmp_path / "killed" / "line.jsonl"
    with lines.open("a") as torn:
        torn.write('{"step": 5')
    resumed = run(tmp_path / "killed", unseen)
    for name, tensor in undisturbed.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor, msg=name)
    assert [point["step"] for point in curve(lines)] == [50, 100, STEPS]


def test_what_another_training_left_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "done")
    with pytest.raises(TrainingError, match=r"line\.done\.pt is of another training"):
        run(tmp_path / "done", steps=STEPS + 1)
    kill_halfway(tmp_path / "running")
    with pytest.raises(TrainingError, match=r"line\.pt is of another training"):
        run(tmp_path / "running", steps=10)


def test_two_processes_do_not_write_the_same_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor() as pool:
        with alone(tmp_path / "line.lock"):
            waiting = pool.submit(run, tmp_path)
            while "another process is at it" not in capfd.readouterr().err:
                assert not waiting.done()
                time.sleep(0.01)
            assert not (tmp_path / "line.pt").exists()
        waiting.result()
    assert (tmp_path / "line.done.pt").exists()


def test_trains_only_what_it_is_told_and_keeps_its_curve(tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = Line().state_dict()
    after = run(tmp_path).state_dict()
    assert torch.equal(before["frozen.weight"], after["frozen.weight"])
    assert not torch.equal(before["inner.weight"], after["inner.weight"])
    first, *_, last = list(curve(tmp_path / "line.jsonl"))
    assert last["square"] < first["square"]


def test_a_finished_job_is_loaded_not_trained(tmp_path: Path) -> None:
    first = run(tmp_path)
    (tmp_path / "line.jsonl").unlink()
    again = run(tmp_path)
    assert torch.equal(first.inner.weight, again.inner.weight)
    assert not (tmp_path / "line.jsonl").exists()


@pytest.mark.parametrize(("done", "rate"), [(0.05, 1.0), (1.0, 0.02)])
def test_the_rate_rises_and_falls(done: float, rate: float) -> None:
    assert scheduled(done) == pytest.approx(rate, abs=1e-6)
    assert scheduled(0.0) < 0.1
