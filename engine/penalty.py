"""The repetition penalty over generated tokens only, as the checkpoints' generation_config.json means it.

vLLM's own penalty counts the prompt's tokens as well. Generation from embedded rows, as in the reference, has no prompt
tokens to count (docs/reference.md, 8). vLLM has two model runners with one interface for logits processors each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from vllm.exceptions import VLLMValidationError
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor
from vllm.v1.worker.gpu.sample.logits_processor.interface import LogitsContext, LogitsProcessor, LogitsProcRequestState

if TYPE_CHECKING:
    from vllm import SamplingParams

KEY = "generated_repetition_penalty"
"""Where the penalty travels in a request's `extra_args`, so that vLLM's own is off."""


def processor_name(v2: bool) -> str:
    """The class for vLLM's `--logits-processors`, for the model runner in use."""
    return f"{__name__}:{'BatchPenalty' if v2 else 'RowPenalty'}"


def take_over(params: SamplingParams) -> None:
    """Move the request's repetition penalty out of vLLM's hands.

    vLLM calls this at admission, before the request is copied to the engine: the one place where a logits processor
    meets a request's parameters on the way in.

    Raises:
        VLLMValidationError: the client wrote under our key what no engine process must meet.
    """
    if params.repetition_penalty != 1.0:
        params.extra_args = (params.extra_args or {}) | {KEY: params.repetition_penalty}
        params.repetition_penalty = 1.0
    penalty = (params.extra_args or {}).get(KEY, 1.0)
    if not isinstance(penalty, int | float) or not 0 < penalty < torch.finfo(torch.float32).max:
        raise VLLMValidationError(f"{KEY} must be a number greater than zero.", parameter="vllm_xargs")


def penalty_of(params: SamplingParams) -> float:
    return float((params.extra_args or {}).get(KEY, 1.0))


def penalised(logits: Tensor, penalty: Tensor | float) -> Tensor:
    """Hugging Face's rule (arXiv 1909.05858, section 4.1): positive scores are divided, negative ones multiplied."""
    return torch.where(logits > 0, logits / penalty, logits * penalty)


class RowPenalty(AdapterLogitsProcessor):
    """For vLLM's first model runner, which hands over one request at a time."""

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        take_over(sampling_params)

    def is_argmax_invariant(self) -> bool:
        return False

    def new_req_logits_processor(self, params: SamplingParams) -> Any:
        penalty = penalty_of(params)
        if penalty == 1.0:
            return None

        def apply(generated: list[int], logits: Tensor) -> Tensor:
            if generated:
                seen = torch.tensor(generated, device=logits.device)
                logits[seen] = penalised(logits[seen], penalty)
            return logits

        return apply


class BatchPenalty(LogitsProcessor):
    """For vLLM's second model runner, which keeps every request's tokens on the device."""

    def __init__(self, vllm_config: Any, req_states: LogitsProcRequestState) -> None:
        self._states = req_states
        self._penalties = torch.ones(req_states.max_num_reqs, device=req_states.device)

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        take_over(sampling_params)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        self._penalties[req_idx] = penalty_of(sampling_params)
        return penalty_of(sampling_params) != 1.0

    def apply(self, logits: Tensor, ctx: LogitsContext) -> Tensor:
        slots = ctx.expanded_idx_mapping.long()
        start, end = int(self._states.prompt_len.np[ctx.idx_mapping_np].min()), int(ctx.seq_lens_upper_bound_np.max())
        if end <= start:
            return logits
        at = torch.arange(start, end, device=logits.device)
        generated = (at >= self._states.prompt_len.gpu[slots, None]) & (at < self._states.total_len.gpu[slots, None])
        tokens = self._states.all_token_ids.gpu[slots, start:end].long().masked_fill(~generated, 0)
        seen = torch.zeros_like(logits).scatter_reduce_(1, tokens, generated.to(logits.dtype), "amax")
        return torch.where(seen > 0, penalised(logits, self._penalties[slots, None]), logits)
