"""CosyVoice2's language model in vLLM, for `tts/voices/cosyvoice`: Qwen2 over speech tokens, whose head has a bias."""

from __future__ import annotations

from torch import Tensor
from vllm.config import VllmConfig
from vllm.distributed import get_pp_group
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead
from vllm.model_executor.models.qwen2 import Qwen2ForCausalLM
from vllm.model_executor.models.utils import maybe_prefix


class CosyVoice2ForCausalLM(Qwen2ForCausalLM):
    """What CosyVoice exports under this name. Its own class for it does not load in this version of vLLM."""

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        config = vllm_config.model_config.hf_config
        if get_pp_group().is_last_rank:
            self.lm_head = ParallelLMHead(
                config.vocab_size, config.hidden_size, bias=True, prefix=maybe_prefix(prefix, "lm_head")
            )

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """[rows, width] -> [rows, speech tokens]."""
        return self.logits_processor(self.lm_head, hidden_states, self.lm_head.bias)
