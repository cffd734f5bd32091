"""The repetition penalty in both of vLLM's interfaces, against Transformers' own over generated tokens only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import RepetitionPenaltyLogitsProcessor
from vllm import SamplingParams
from vllm.exceptions import VLLMValidationError
from vllm.v1.sample.logits_processor import BatchUpdate
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsContext

from engine.penalty import KEY, BatchPenalty, RowPenalty, penalty_of, take_over

VOCABULARY, SLOTS, LENGTH = 50, 8, 40
PROMPT = list(range(0, 50, 2))


@dataclass(frozen=True, slots=True)
class Request:
    penalty: float
    prompt: list[int]
    generated: list[int] = field(default_factory=list)

    @property
    def params(self) -> SamplingParams:
        """As it reaches the engine: after admission."""
        params = SamplingParams(repetition_penalty=self.penalty)
        take_over(params)
        return params


BATCHES = {
    "one": [Request(1.3, PROMPT, [7, 8, 7])],
    "nothing generated yet": [Request(1.3, PROMPT), Request(1.1, [1])],
    "no penalty at all": [Request(1.0, PROMPT, [3, 4])],
    "mixed": [Request(1.0, PROMPT, [7, 8]), Request(1.3, [5, 6], [0, 9, 9]), Request(0.8, PROMPT[:9], [1])],
    "one has nothing yet": [Request(1.3, PROMPT), Request(1.3, [2, 3], [49, 0])],
    "long prompt beside a long answer": [Request(1.3, [1], list(range(30))), Request(1.2, PROMPT, [11])],
    "generated what was asked": [Request(1.5, [4, 5, 6], [4, 5, 6])],
}


def by_rows(batch: list[Request], logits: Tensor) -> Tensor:
    """vLLM's first interface."""
    processor = RowPenalty(None, torch.device("cpu"), False)
    added = [(row, request.params, request.prompt, request.generated) for row, request in enumerate(batch)]
    processor.update_state(BatchUpdate(batch_size=len(batch), removed=[], added=added, moved=[]))
    processed: Tensor = processor.apply(logits)
    return processed


class Slots:
    """The second model runner's state: requests lie in slots, whose old content is never cleared."""

    def __init__(self) -> None:
        stale = torch.Generator().manual_seed(1)
        tokens = torch.randint(0, VOCABULARY, (SLOTS, LENGTH), generator=stale, dtype=torch.int32)
        lengths = torch.full((2, SLOTS), LENGTH, dtype=torch.int32)
        self.all_token_ids = SimpleNamespace(gpu=tokens)
        self.prompt_len = SimpleNamespace(gpu=lengths[0], np=lengths[0].numpy())
        self.total_len = SimpleNamespace(gpu=lengths[1])
        self.max_num_reqs, self.vocab_size, self.device = SLOTS, VOCABULARY, torch.device("cpu")

    def put(self, slot: int, request: Request) -> None:
        tokens = request.prompt + request.generated
        self.all_token_ids.gpu[slot, : len(tokens)] = torch.tensor(tokens)
        self.prompt_len.gpu[slot], self.total_len.gpu[slot] = len(request.prompt), len(tokens)


def by_slots(batch: list[Request], logits: Tensor, states: Slots | None = None) -> Tensor:
    """vLLM's second interface."""
    states = states or Slots()
    processor = BatchPenalty(None, states)
    return step(processor, states, batch, logits)


def step(processor: BatchPenalty, states: Slots, batch: list[Request], logits: Tensor) -> Tensor:
    """Admit `batch` into the last slots, backwards, and process one row for each."""
    taken = [SLOTS - 1 - row for row in range(len(batch))]
    for slot, request in zip(taken, batch, strict=True):
        states.put(slot, request)
        assert processor.add_request(slot, request.params) == (request.penalty != 1.0)
    return processor.apply(logits, context(taken, states))


def context(slots: list[int], states: Slots) -> Any:
    mapping = torch.tensor(slots, dtype=torch.int32)
    lengths = states.total_len.gpu[mapping.long()]
    return LogitsContext(
        expanded_idx_mapping=mapping,
        idx_mapping=mapping,
        idx_mapping_np=mapping.numpy(),
        expanded_local_pos=torch.zeros_like(mapping),
        input_ids=torch.zeros_like(mapping),
        pos=lengths - 1,
        seq_lens_upper_bound_np=lengths.numpy().astype(np.int64) + 1,
    )


def random_logits(rows: int) -> Tensor:
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(0))


def expected(batch: list[Request], logits: Tensor) -> Tensor:
    def row(request: Request, scores: Tensor) -> Tensor:
        penalise: Callable[[Tensor, Tensor], Tensor] = RepetitionPenaltyLogitsProcessor(request.penalty)
        return penalise(torch.tensor([request.generated], dtype=torch.long), scores[None])

    return torch.cat([row(*pair) for pair in zip(batch, logits, strict=True)])


@pytest.mark.parametrize("interface", [by_rows, by_slots])
@pytest.mark.parametrize("name", BATCHES)
def test_it_is_transformers_penalty_over_generated_tokens(
    interface: Callable[[list[Request], Tensor], Tensor], name: str
) -> None:
    batch = BATCHES[name]
    logits = random_logits(len(batch))
    torch.testing.assert_close(interface(batch, logits.clone()), expected(batch, logits), rtol=1e-6, atol=0)


def test_rows_follow_an_answer_while_it_grows() -> None:
    processor, generated = RowPenalty(None, torch.device("cpu"), False), [7]
    request = Request(1.3, PROMPT, generated)
    added = [(0, request.params, request.prompt, generated)]
    processor.update_state(BatchUpdate(batch_size=1, removed=[], added=added, moved=[]))
    for token in (9, 9, 2):
        logits = random_logits(1)
        torch.testing.assert_close(processor.apply(logits.clone()), expected([request], logits), rtol=1e-6, atol=0)
        generated.append(token)


def test_a_slot_forgets_its_last_request() -> None:
    states = Slots()
    processor = BatchPenalty(None, states)
    for penalty in (1.5, 1.0, 1.2):
        batch = [Request(penalty, PROMPT, [7, 8]), Request(1.0, [1], [2])]
        logits = random_logits(2)
        processed = step(processor, states, batch, logits.clone())
        torch.testing.assert_close(processed, expected(batch, logits), rtol=1e-6, atol=0)


def test_one_request_may_have_several_rows() -> None:
    states, request = Slots(), Request(1.3, [4, 5], [7, 8])
    processor = BatchPenalty(None, states)
    states.put(3, request)
    processor.add_request(3, request.params)
    single, logits = context([3], states), random_logits(3)
    rows = torch.full((3,), 3, dtype=torch.int32)
    fields = {name: getattr(single, name) for name in ("idx_mapping", "idx_mapping_np", "seq_lens_upper_bound_np")}
    several = LogitsContext(expanded_idx_mapping=rows, expanded_local_pos=rows, input_ids=rows, pos=rows, **fields)
    processed = processor.apply(logits.clone(), several)
    torch.testing.assert_close(processed, expected([request] * 3, logits), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", [RowPenalty, BatchPenalty])
def test_admission_moves_the_penalty_out_of_vllm_s_hands(kind: Any) -> None:
    params = SamplingParams(repetition_penalty=1.05, extra_args={"other": 1})
    for _ in range(2):  # vLLM may validate the same parameters twice
        kind.validate_params(params)
        assert params.repetition_penalty == 1.0
        assert penalty_of(params) == 1.05
        assert params.extra_args is not None
        assert params.extra_args["other"] == 1


@pytest.mark.parametrize("value", ["much", None, [1.1], 0, -1.0, float("nan"), float("inf"), 1e39])
def test_what_a_client_writes_under_our_key_cannot_reach_the_engine(value: Any) -> None:
    with pytest.raises(VLLMValidationError, match=KEY):
        take_over(SamplingParams(extra_args={KEY: value}))


def test_no_penalty_leaves_the_parameters_alone() -> None:
    params = SamplingParams()
    take_over(params)
    assert params.extra_args is None
    assert penalty_of(params) == 1.0
