"""`make train` from seeds to a checkpoint, every job at a fraction of its length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from engine.model.plain import PlainOla
from training.train import PARTS
from training.vocabulary import write_tokenizer
from training.world.speech import build

SCALE = "0.001"


def make_train(work: Path, out: Path) -> subprocess.Popen[bytes]:
    """One thread: the test's engines need the machine too."""
    command = [sys.executable, "-m", "training.train", "--work", str(work), "--out", str(out), "--scale", SCALE]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)


def train(work: Path, out: Path) -> tuple[int, str]:
    """The exit status, and what was said."""
    process = make_train(work, out)
    said = process.communicate()[1].decode()
    return process.returncode, said


def at_work(work: Path) -> list[Path]:
    """Processes that have this folder in their command."""
    commands = [path for path in Path("/proc").glob("[0-9]*/cmdline") if int(path.parent.name) != os.getpid()]
    return [path for path in commands if path.exists() and str(work).encode() in read(path)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has just ended
        return b""


def test_a_short_training_is_killed_and_makes_a_checkpoint_that_loads(tmp_path: Path) -> None:
    process = make_train(tmp_path / "work", tmp_path / "demo")
    while not list((tmp_path / "work").glob("*.lock")):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.communicate()  # until all that write to the pipe have ended
    assert not at_work(tmp_path / "work")
    assert train(tmp_path / "work", tmp_path / "demo")[0] == 0
    model = PlainOla.load(tmp_path / "demo")
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    examples = json.loads((tmp_path / "demo" / "examples" / "examples.json").read_text())
    assert [example["file"] for example in examples] == ["shapes.png", "question.wav", "clip.mp4"]
    assert all((tmp_path / "demo" / "examples" / example["file"]).stat().st_size for example in examples)
    assert "demonstration" in (tmp_path / "demo" / "README.md").read_text()
    done = {path.name for path in (tmp_path / "work").glob("*.done.pt")}
    parts = {part for group in PARTS for part in group} - {"stages"}
    assert {f"{name}.done.pt" for name in (*parts, "stage-1", "stage-2", "stage-3")} <= done


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    work = tmp_path / "work"
    write_tokenizer(work / "tokenizer", corpus=50)
    build(work / "speech", ["Hello."], 1)
    status, said = train(work, tmp_path / "demo")
    assert status == 1
    assert said.endswith(f"make train: {work / 'speech'} holds a bank of other texts, voices or another seed\n")
