"""The comparison of orders begins with a model that knows everything but what its senses say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.model.plain import PlainOla
from training.orders import EXAMPLES, MODALITIES, ORDERS, mixed, unconnected

DEMO = Path("models/ola-demo")


def test_only_the_connectors_begin_anew() -> None:
    start, _ = unconnected(DEMO)
    trained, begun = PlainOla.load(DEMO).state_dict(), start.model.state_dict()
    changed = {name for name, tensor in trained.items() if not torch.equal(tensor, begun[name])}
    assert changed
    assert all(".projector." in name for name in changed)
    matrices = {name for name in trained if ".projector." in name and trained[name].dim() == 2}
    assert matrices <= changed


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_draws_as_many_examples_a_step(order: str) -> None:
    tasks = {task for tasks in MODALITIES.values() for task in tasks}
    seen: set[str] = set()
    for done in np.linspace(0, 0.99, 60):
        counts = mixed(ORDERS[order](float(done)), np.random.default_rng(int(1000 * done)))
        assert sum(counts.values()) == EXAMPLES
        seen |= counts.keys()
    assert seen == tasks
