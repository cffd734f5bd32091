"""vLLM imported in silence, and the golden checkpoint in plain PyTorch, loaded once."""

import warnings

import pytest
import torch

from engine.model.plain import PlainOla
from tests import golden_set

# What vLLM imports warns of its own deprecations, and here warnings are errors.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import engine.client  # noqa: F401


@pytest.fixture(scope="session")
def plain_ola() -> PlainOla:
    torch.set_num_threads(1)
    return PlainOla.load(golden_set.CHECKPOINT)
