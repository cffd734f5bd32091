"""`make train` from seeds to a checkpoint, every job at a fraction of its length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from engine.model.plain import PlainOla
from training.train import PARTS

SCALE = "0.001"


def train(work: Path, out: Path) -> None:
    """One thread: the test's engines need the machine too."""
    command = [sys.executable, "-m", "training.train", "--work", str(work), "--out", str(out), "--scale", SCALE]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)


def test_a_short_training_makes_a_checkpoint_that_loads(tmp_path: Path) -> None:
    train(tmp_path / "work", tmp_path / "demo")
    model = PlainOla.load(tmp_path / "demo")
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    examples = json.loads((tmp_path / "demo" / "examples" / "examples.json").read_text())
    assert [example["file"] for example in examples] == ["shapes.png", "question.wav", "clip.mp4"]
    assert all((tmp_path / "demo" / "examples" / example["file"]).stat().st_size for example in examples)
    assert "demonstration" in (tmp_path / "demo" / "README.md").read_text()
    done = {path.name for path in (tmp_path / "work").glob("*.done.pt")}
    parts = {part for group in PARTS for part in group} - {"stages"}
    assert {f"{name}.done.pt" for name in (*parts, "stage-1", "stage-2", "stage-3")} <= done
