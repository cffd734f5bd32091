"""`make orders`: the paper's Figure 3 in small. Three orders in which to learn the modalities, from the same start.

Direct mixing draws mostly images, as data lie about, balanced sampling as many of each modality, progressive
alignment brings one modality after the other and repeats the earlier ones. Steps, batch, rate and start are the same:
the demo model with its encoders and its language model, and connectors that know nothing.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from engine.model.plain import PlainOla
from training.align import Aligning, Mixture
from training.loop import descend, only, scheduled
from training.optimizer import Optimizer
from training.rows import UNLABELLED, Batch, Rows
from training.spoken import held_out_bank, training_bank
from training.tasks import World
from training.train import DEMO, WORK, initialise, spoken_so_far
from training.vocabulary import load_tokenizer, write_json

MODALITIES = {
    "image": ("picture",),
    "video": ("video",),
    "sound": ("transcription", "spoken_question", "sound", "picture_and_speech", "video_with_sound"),
}
MOSTLY_IMAGES = {"image": 0.71, "video": 0.18, "sound": 0.11}
"""Shares of the modalities where data are taken as they lie about; the numbers are ours."""
EXAMPLES, STEPS, RATE, SEED = 12, 180, 1e-3, 5
"""In a step, in a run, the highest learning rate, and what the examples are drawn from."""
PROBES, PROBE_STEPS = 24, 30
"""Held-out examples of each task, and how often they are asked."""

Share = Callable[[float], dict[str, float]]
Point = dict[str, float]


def progressive(done: float) -> dict[str, float]:
    """Image; then video beside it; then sound beside both."""
    if done < 1 / 3:
        return {"image": 1.0}
    if done < 2 / 3:
        return {"image": 0.4, "video": 0.6}
    return {"image": 0.2, "video": 0.2, "sound": 0.6}


ORDERS: dict[str, Share] = {
    "direct mixing": lambda done: MOSTLY_IMAGES,
    "balanced sampling": lambda done: dict.fromkeys(MODALITIES, 1 / 3),
    "progressive alignment": progressive,
}


def unconnected(folder: Path) -> tuple[Aligning, Rows]:
    """A trained model whose connectors begin anew."""
    model = PlainOla.load(folder)
    torch.manual_seed(SEED)
    anew = PlainOla(model.backbone.config)
    initialise(anew)
    assert model.hearing is not None
    assert anew.hearing is not None
    model.vision.projector.load_state_dict(anew.vision.projector.state_dict())
    model.hearing.projector.load_state_dict(anew.hearing.projector.state_dict())
    return Aligning(model), Rows(load_tokenizer(folder))


def right_answers(module: Aligning, batch: Batch) -> Tensor:
    """Of each answer whether every token is the likeliest, so that greedy decoding would give it: [answers]."""
    wanted = batch.labels != UNLABELLED
    right = (module.logits(batch)[0].argmax(-1) == batch.labels[wanted]).cpu()
    begins = wanted & ~torch.cat([torch.zeros_like(wanted[:, :1]), wanted[:, :-1]], dim=1)
    answers = begins.flatten().cumsum(0)[wanted.flatten()].cpu() - 1
    wrong = torch.zeros(int(answers.max()) + 1).index_add_(0, answers, (~right).float())
    return wrong == 0


class Probe:
    """Held-out examples of every modality: the shares of their answers that a model has right, and how many answers
    there are at least of a modality.
    """

    def __init__(self, rows: Rows, world: World) -> None:
        dice = np.random.default_rng(99)
        self._batches = {
            modality: [
                batch
                for task in tasks
                for batch in rows.batches([getattr(world, task)(dice) for _ in range(PROBES // len(tasks))], dice)
            ]
            for modality, tasks in MODALITIES.items()
        }

    @torch.no_grad()
    def __call__(self, module: Aligning) -> dict[str, float]:
        found = {m: torch.cat([right_answers(module, b) for b in batches]) for m, batches in self._batches.items()}
        shares = {modality: float(right.float().mean()) for modality, right in found.items()}
        return shares | {"answers": min(map(len, found.values()))}


def mixed(shares: dict[str, float], dice: np.random.Generator) -> dict[str, int]:
    """How many examples of each task one step sees."""
    drawn = dice.choice(list(shares), EXAMPLES, p=list(shares.values()))
    tasks = [str(dice.choice(MODALITIES[str(modality)])) for modality in drawn]
    return {task: tasks.count(task) for task in sorted(set(tasks))}


def trained(start: Aligning, rows: Rows, world: World, share: Share, probe: Probe, name: str) -> Iterator[Point]:
    """Train a copy of `start` in one order; what it knows every PROBE_STEPS steps."""
    module = copy.deepcopy(start)
    model = module.model
    assert model.hearing is not None
    parts = (model.vision.projector, model.hearing.projector, model.backbone, module.probes)
    with only(module, parts) as parameters:
        optimizer = Optimizer(parameters, RATE)
        for step in tqdm(range(STEPS), name):
            dice = np.random.default_rng([SEED, step])
            batch = Mixture(world, mixed(share(step / STEPS), dice)).batch(rows, dice)
            optimizer.set_rate(RATE * scheduled(step / STEPS))
            descend(module.losses, batch, optimizer, list(parameters.values()))
            if (step + 1) % PROBE_STEPS == 0:
                yield {"step": step + 1, **probe(module)}


def draw(points: dict[str, list[Point]], path: Path) -> None:
    """One curve a modality and order."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(MODALITIES), figsize=(12, 3.4), sharey=True)
    for axis, modality in zip(axes, MODALITIES, strict=True):
        for order, line in points.items():
            axis.plot([p["step"] for p in line], [100 * p[modality] for p in line], marker="o", label=order)
        axis.set_title(modality)
        axis.set_xlabel("steps")
    axes[0].set_ylabel("answers right, %")
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="where the spoken sentences are, or go")
    parser.add_argument("--model", type=Path, default=DEMO, help="the checkpoint to begin with")
    parser.add_argument("--out", type=Path, default=Path("training/orders"), help="<out>.png and <out>.json")
    options = parser.parse_args()
    start, rows = unconnected(options.model)
    world = World(training_bank(options.work / "speech", spoken_so_far))
    unheard = held_out_bank(options.work / "unheard", spoken_so_far)
    probe = Probe(rows, World(unheard, held_out=True))
    points = {name: list(trained(start, rows, world, share, probe, name)) for name, share in ORDERS.items()}
    draw(points, options.out.with_suffix(".png"))
    write_json(options.out.with_suffix(".json"), points)


if __name__ == "__main__":
    main()
