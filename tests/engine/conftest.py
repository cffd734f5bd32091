"""The golden checkpoint in plain PyTorch, loaded once."""

import pytest
import torch

from engine.model.plain import PlainOla
from tests import golden_set


@pytest.fixture(scope="session")
def plain_ola() -> PlainOla:
    torch.set_num_threads(1)
    return PlainOla.load(golden_set.CHECKPOINT)
