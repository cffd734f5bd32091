"""Known faults of CosyVoice's code on today's libraries: each is repaired on the loaded object, then checked.

A fault that cannot be ruled out keeps the voice from starting: most of them make noise of speech without an error.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from tts.voice import VoiceError
from tts.voices.cosyvoice.folder import Generation

END_OF_PROMPT = "<|endofprompt|>"
_END_OF_PROMPT_ID = 151_646
"""The third generation's code looks for this number."""
_DIFFERENCE = 0.02
"""Of a hidden state's norm: what half precision may change. A step that sees one position changes it by far more."""


@contextmanager
def float32_weights() -> Iterator[None]:
    """Have the language model built in float32, whatever its config says: the rest of CosyVoice is.

    Since Transformers 5 it would be built in the config's bfloat16, and the checkpoint's weights rounded to that.
    """
    module = importlib.import_module("cosyvoice.llm.llm")
    own = module.Qwen2ForCausalLM
    module.Qwen2ForCausalLM = SimpleNamespace(  # type: ignore[attr-defined, unused-ignore]
        from_pretrained=lambda path: own.from_pretrained(path).float()
    )
    try:
        yield
    finally:
        module.Qwen2ForCausalLM = own  # type: ignore[attr-defined, unused-ignore]


def repair(own: Any, generation: Generation) -> None:
    """Repair a freshly loaded model of CosyVoice's and check it.

    Raises:
        VoiceError: a fault remains.
    """
    # It reads a file with torchaudio.load, which needs more than torchaudio; here samples of the right rate come in.
    frontend: Any = sys.modules[type(own.frontend).__module__]
    if hasattr(frontend, "load_wav"):
        frontend.load_wav = lambda samples, rate: samples
    if generation.number > 1:
        llm, encoder = own.model.llm, own.model.llm.llm
        encoder.forward_one_step = MethodType(_one_step, encoder)
        llm.sampling_ids = MethodType(_choice, llm)
        check_types(llm)
        check_cache(encoder)
    if generation.number > 2:
        check_end_of_prompt(own.frontend)


def _one_step(encoder: Any, xs: Tensor, masks: Tensor, cache: Any = None) -> tuple[Tensor, Any]:
    """`Qwen2Encoder.forward_one_step` without its mask, whose length is that of the step and not of the cache.

    Transformers before 4.53 took such a mask for all positions; later ones let the step see one. Without any mask every
    version is causal over the whole cache.
    """
    outputs = encoder.model(
        inputs_embeds=xs, output_hidden_states=True, return_dict=True, use_cache=True, past_key_values=cache
    )
    return outputs.hidden_states[-1], outputs.past_key_values


def _choice(llm: Any, scores: Tensor, before: list[int], width: int, ignore_eos: bool = True) -> Any:
    """`Qwen2LM.sampling_ids`, which keeps speech from ending too early, for every mark that ends it.

    The original knows one of the three marks of the second generation, and none of the third's.
    """
    if ignore_eos:
        scores = scores.clone()
        scores[llm.speech_token_size :] = -torch.inf
    return llm.sampling(scores, before, width)


def seed_requests(llm: Any) -> None:
    """Have vLLM draw with the seeds in `llm.seeds`, by the request's id: the code that asks it has none to give."""
    llm.seeds = {}
    add_request = llm.vllm.add_request

    def seeded(request_id: str, asked: Any, parameters: Any) -> Any:
        parameters.seed = llm.seeds[request_id]
        return add_request(request_id, asked, parameters)

    llm.vllm.add_request = seeded


def check_types(llm: Any) -> None:
    """Raises VoiceError if the language model's weights are of several types, which cannot be multiplied."""
    if len(kinds := {parameter.dtype for parameter in llm.parameters()}) > 1:
        raise VoiceError(f"The language model was loaded in several types: {', '.join(sorted(map(str, kinds)))}.")


@torch.inference_mode()
def check_cache(encoder: Any) -> None:
    """Raises VoiceError if a step with a cache computes anything else than the whole sequence at once."""
    weight = next(encoder.model.parameters())
    embedded = encoder.model.get_input_embeddings()(torch.arange(8, device=weight.device)[None])
    everything = torch.ones(1, 8, 8, dtype=torch.bool, device=weight.device)
    whole, _ = encoder.forward_one_step(embedded, everything)
    cache = None
    for start, end in ((0, 5), (5, 6), (6, 7), (7, 8)):
        mask = everything[:, : end - start, : end - start]
        step, cache = encoder.forward_one_step(embedded[:, start:end], mask, cache)
    expected, got = whole[0, -1].float(), step[0, -1].float()
    if (difference := float((got - expected).norm() / expected.norm())) > _DIFFERENCE:
        raise VoiceError(
            f"The language model's cache is broken with this version of Transformers (error {difference:.2f}): speech "
            "would be garbled."
        )


def check_end_of_prompt(frontend: Any) -> None:
    """Raises VoiceError if the tokenizer has another number for the mark that the third generation needs."""
    tokens = list(frontend.tokenizer.encode(END_OF_PROMPT, allowed_special=frontend.allowed_special))
    if tokens != [_END_OF_PROMPT_ID]:
        raise VoiceError(
            f"The tokenizer makes {tokens} of {END_OF_PROMPT}; the model's code needs {_END_OF_PROMPT_ID}."
        )
