"""vLLM's entry point to our models (`vllm.general_plugins`): runs in every engine process, mostly registers names."""

from __future__ import annotations

import multiprocessing
import os
import signal
from threading import Thread
from typing import Any

ARCHITECTURES = ("OlaQwenForCausalLM", "OmniSpeechVisionQwenForCausalLM")
"""Both names stand in released checkpoints; they are one model."""


def register() -> None:
    """Make vLLM know `model_type: ola_qwen`. Cheap, and safe to call more than once."""
    end_with_parent()
    from transformers import AutoConfig
    from vllm import ModelRegistry
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP
    from vllm.renderers.registry import RENDERER_REGISTRY
    from vllm.tokenizers.registry import TokenizerRegistry

    from engine.config import OlaConfig

    AutoConfig.register(OlaConfig.model_type, OlaConfig, exist_ok=True)
    for architecture in ARCHITECTURES:
        ModelRegistry.register_model(architecture, "engine.ola:OlaQwenForCausalLM")
        MODELS_CONFIG_MAP[architecture] = OlaDefaults
    ModelRegistry.register_model("CosyVoice2ForCausalLM", "engine.cosyvoice:CosyVoice2ForCausalLM")
    if "ola" not in RENDERER_REGISTRY.renderers:
        RENDERER_REGISTRY.register("ola", "engine.prompt", "OlaRenderer")
        TokenizerRegistry.register("ola", "engine.prompt", "OlaTokenizer")


def end_with_parent() -> None:
    """Have this process, if it is an engine's, end when the one that started it is gone.

    Otherwise a server that was killed leaves engine processes behind, which hold its memory until somebody notices.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=wait, name="end-with-parent", daemon=True).start()


class OlaDefaults:
    """What an Ola checkpoint implies for vLLM's configuration; vLLM calls both methods once per engine."""

    @staticmethod
    def verify_and_update_model_config(model_config: Any) -> None:
        """Read off the checkpoint what config.json does not say, and choose Ola's tokenizer mode."""
        from vllm.tokenizers.registry import cached_tokenizer_from_config

        from engine.api import VIDEO_FRAMES
        from engine.checkpoint import describe_hearing, local_folder
        from engine.preflight import check_tensors

        if model_config.tokenizer_mode == "auto":
            model_config.tokenizer_mode = "ola"
        config = model_config.hf_config
        folder = local_folder(model_config.model, model_config.revision)
        describe_hearing(config, folder)
        # Ids beyond the tokenizer were never trained and can never be sampled (docs/model.md).
        config.vocab_size = model_config.model_arch_config.vocab_size = len(cached_tokenizer_from_config(model_config))
        quantised = bool(model_config.quantization or getattr(config, "quantization_config", None))
        check_tensors(config, folder, quantised=quantised)
        multimodal = model_config.multimodal_config
        multimodal.media_io_kwargs = {"video": {"num_frames": VIDEO_FRAMES}} | (multimodal.media_io_kwargs or {})

    @staticmethod
    def verify_and_update_config(vllm_config: Any) -> None:
        """Let the repetition penalty mean what it means in the reference."""
        from engine.penalty import processor_name

        if vllm_config.speculative_config is not None:
            return  # vLLM runs no custom logits processor together with speculative decoding
        model_config = vllm_config.model_config
        model_config.logits_processors = [
            *(model_config.logits_processors or ()),
            processor_name(vllm_config.use_v2_model_runner),
        ]
