"""Ola as a vLLM model: Qwen2 by vLLM, the senses by `engine.model`, the checkpoint's names checked strictly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import MultiModalEmbeddings, SupportsLoRA, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.module_mapping import MultiModelKeys
from vllm.model_executor.models.utils import (
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.sequence import IntermediateTensors

from engine.checkpoint import BEATS, SENSES, Ledger, backbone_shapes, sense_parameters, speech_tensors
from engine.config import OlaConfig
from engine.model.remembering import RememberingHearing
from engine.model.senses import Hearing, Vision
from engine.padding import pad_heads
from engine.processor import PLACEHOLDERS, OlaDummyInputs, OlaProcessingInfo, OlaProcessor
from engine.transcription import Transcribes


@MULTIMODAL_REGISTRY.register_processor(OlaProcessor, info=OlaProcessingInfo, dummy_inputs=OlaDummyInputs)
class OlaQwenForCausalLM(nn.Module, SupportsMultiModal, SupportsLoRA, SupportsPP, Transcribes):
    """`embed_multimodal` returns one row per placeholder token, in the order of the prompt."""

    packed_modules_mapping: ClassVar[dict[str, list[str]]] = {
        "qkv_proj": ["q_proj", "k_proj", "v_proj"],
        "gate_up_proj": ["gate_proj", "up_proj"],
    }
    hf_to_vllm_mapper = WeightsMapper(
        orig_to_new_prefix=SENSES | {"model.": "language_model.model.", "lm_head.": "language_model.lm_head."}
    )

    if TYPE_CHECKING:  # from SupportsMultiModal, which mypy does not read
        _mark_tower_model: Callable[..., AbstractContextManager[None]]
        _mark_language_model: Callable[..., AbstractContextManager[None]]

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        return PLACEHOLDERS[modality]

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        self.config: OlaConfig = vllm_config.model_config.hf_config
        self.quantised = vllm_config.quant_config is not None
        self.dtype = vllm_config.model_config.dtype
        with self._mark_tower_model(vllm_config, {"image", "video"}):
            self.vision = Vision(self.config)
        if self.config.hearing:
            with self._mark_tower_model(vllm_config, "audio"):
                lora = vllm_config.lora_config
                # An adapter of the encoders changes with the request what they hear.
                adapted = lora is not None and lora.enable_tower_connector_lora
                self.hearing = Hearing(self.config) if adapted else RememberingHearing(self.config)
        with self._mark_language_model(vllm_config):
            self.language_model: Any = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=self.config,
                prefix=maybe_prefix(prefix, "language_model"),
                architectures=["Qwen2ForCausalLM"],
            )
        pad_heads(self.language_model, vllm_config)
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    def embed_multimodal(self, **kwargs: Any) -> MultiModalEmbeddings:
        """One `[rows, width]` tensor per item. vLLM calls this with items of one modality at a time."""
        if "image_low" in kwargs:
            return self.vision.images(list(zip(kwargs["image_low"], kwargs["image_high"], strict=True)))
        if "video_frames" in kwargs:
            return self.vision.videos(list(kwargs["video_frames"]))
        if "audio_wave" in kwargs:
            return self.hearing([wave.float() for wave in kwargs["audio_wave"]])
        return []

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor | IntermediateTensors:
        return self.language_model.model(input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds)

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        return self.language_model.compute_logits(hidden_states)

    def get_mm_mapping(self) -> MultiModelKeys:
        return MultiModelKeys.from_string_field(
            language_model="language_model",
            connector=["vision.projector", "hearing.projector"],
            tower_model=["vision.tower", "hearing.whisper", "hearing.beats"],
        )

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Load a whole checkpoint.

        Raises:
            CheckpointError: with the complete list of missing, left-over or misshapen tensors.
        """
        own = sense_parameters(self)
        backbone = {} if self.quantised else backbone_shapes(self.config)
        skipped = tuple(prefix for prefix in SENSES if not any(name.startswith(prefix) for name in own))
        ledger = Ledger(own, backbone, self.config.vocab_size, ignored=skipped)
        loaded = self.language_model.load_weights(ledger.route(weights))
        for file in self.config.speech_files:
            ledger.load(speech_tensors(file), file)
        ledger.settle()
        self._round_beats()
        if self.config.hearing and isinstance(self.hearing, RememberingHearing):
            self.hearing.forget()
        senses = {name for name, _ in self.named_parameters() if not name.startswith("language_model.")}
        return {f"language_model.{name}" for name in loaded} | senses

    def _round_beats(self) -> None:
        """The reference runs BEATs in float32 on weights that went through half precision (docs/reference.md, 5)."""
        if self.config.hearing is None or self.config.hearing.beats is None or self.dtype == torch.float32:
            return
        for name, parameter in self.named_parameters():
            if name.startswith(SENSES[BEATS]):
                parameter.data = parameter.data.half().bfloat16().float()
