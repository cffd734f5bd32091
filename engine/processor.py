"""vLLM's view of Ola's attachments: raw pixels and samples in, one placeholder token per embedded row out.

Nothing is encoded here. Pictures travel as uint8 and sound as float32 samples; normalisation and features are computed
beside the encoders, so that little crosses the process border and no dtype cast touches the inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import BatchFeature
from vllm.config.multimodal import MultiModalDummyOptions
from vllm.exceptions import VLLMValidationError
from vllm.inputs import MultiModalDataDict
from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems
from vllm.multimodal.parse import MultiModalDataItems, MultiModalDataParser
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
    PromptUpdate,
)

from engine.api import SAMPLE_RATE, VIDEO_FRAMES, Fit
from engine.config import OlaConfig
from engine.preprocess import (
    CHUNK_SAMPLES,
    FITS,
    MAX_SOUND_SAMPLES,
    image_views,
    sampled,
    sound_rows,
    video_frames,
    view_rows,
)

PLACEHOLDERS = {"image": "<|image_pad|>", "video": "<|video_pad|>", "audio": "<|mm_pad|>"}
"""Tokens of the released vocabulary that stand for embedded rows; the reference uses negative ids instead."""

UNHEARD = 'This model does not hear: it takes no audio. To show it a video without the sound, set "audio": false.'

FIELDS = {
    "image_low": MultiModalFieldConfig.batched("image"),
    "image_high": MultiModalFieldConfig.batched("image"),
    "video_frames": MultiModalFieldConfig.batched("video"),
    "audio_wave": MultiModalFieldConfig.batched("audio"),
}


class OlaProcessingInfo(BaseProcessingInfo):
    def get_hf_config(self) -> OlaConfig:
        return self.ctx.get_hf_config(OlaConfig)

    @property
    def fits(self) -> Mapping[str, Fit]:
        """As in `engine.api.Engine`."""
        return FITS

    def get_data_parser(self) -> MultiModalDataParser:
        return MultiModalDataParser(target_sr=SAMPLE_RATE, target_channels=1, audio_resample_method="soxr")

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        senses = ("image", "video", "audio") if self.get_hf_config().hearing else ("image", "video")
        return dict.fromkeys(senses)

    def validate_num_items(self, modality: str, num_items: int) -> None:
        if modality not in self.supported_mm_limits:
            raise VLLMValidationError(UNHEARD, parameter=modality)
        super().validate_num_items(modality, num_items)

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int] | None = None) -> Mapping[str, int]:
        # A long thin picture may take as many rows as a prompt can have, so no smaller number is safe.
        return dict.fromkeys(self.supported_mm_limits, self.get_hf_config().tokenizer_model_max_length)

    def get_sound_rows(self, samples: int) -> int:
        config = self.get_hf_config()
        assert config.hearing is not None
        return sound_rows(samples, config.hearing.whisper.n_audio_ctx, config.speech_encoder_ds_rate)


class OlaDummyInputs(BaseDummyInputsBuilder[OlaProcessingInfo]):
    """Attachments of typical full size, with which vLLM measures the encoders' memory at start."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        return "".join(PLACEHOLDERS[modality] * count for modality, count in mm_counts.items())

    def get_dummy_mm_data(
        self, seq_len: int, mm_counts: Mapping[str, int], mm_options: MultiModalDummyOptions
    ) -> MultiModalDataDict:
        count = mm_counts.get
        return {
            "image": self._get_dummy_images(
                width=1536, height=1536, num_images=count("image", 0), overrides=mm_options.get("image")
            ),
            "video": self._get_dummy_videos(
                width=512,
                height=448,
                num_frames=VIDEO_FRAMES,
                num_videos=count("video", 0),
                overrides=mm_options.get("video"),
            ),
            "audio": self._get_dummy_audios(
                length=CHUNK_SAMPLES, num_audios=count("audio", 0), overrides=mm_options.get("audio")
            ),
        }


class OlaProcessor(BaseMultiModalProcessor[OlaProcessingInfo]):
    def _call_hf_processor(self, hf_data: Mapping[str, Any], hf_kwargs: Mapping[str, object]) -> BatchFeature:
        if unknown := sorted(hf_kwargs):
            raise VLLMValidationError(f"Unknown mm_processor_kwargs: {', '.join(unknown)}.", parameter=unknown[0])
        views = [image_views(as_image(item)) for item in hf_data.get("images", ())]
        clips = [clip(np.asarray(item)) for item in hf_data.get("videos", ())]
        waves = [np.asarray(item, dtype=np.float32)[:MAX_SOUND_SAMPLES] for item in hf_data.get("audio", ())]
        features = {
            "image_low": [torch.from_numpy(low.copy()) for low, _ in views],
            "image_high": [torch.from_numpy(high.copy()) for _, high in views],
            "video_frames": [torch.from_numpy(frames) for frames in clips],
            "audio_wave": [torch.from_numpy(wave.copy()) for wave in waves],
        }
        return BatchFeature({name: items for name, items in features.items() if items})

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        return {name: FIELDS[name] for name in hf_inputs}

    def _get_prompt_updates(
        self,
        mm_items: MultiModalDataItems,
        hf_processor_mm_kwargs: Mapping[str, object],
        out_mm_kwargs: MultiModalKwargsItems,
    ) -> Sequence[PromptUpdate]:
        data = out_mm_kwargs.get_data()
        vocabulary = self.info.get_tokenizer().get_vocab()

        def rows(modality: str, item: int) -> int:
            if modality == "image":
                return 3 + sum(pixel_rows(data[view][item]) for view in ("image_low", "image_high"))
            if modality == "video":
                frames = data["video_frames"][item]
                return 2 + len(frames) * (pixel_rows(frames[0]) + 1)
            return self.info.get_sound_rows(len(data["audio_wave"][item]))

        def update(modality: str, token: int) -> PromptReplacement:
            return PromptReplacement(
                modality=modality, target=[token], replacement=lambda item: [token] * rows(modality, item)
            )

        return [update(modality, vocabulary[PLACEHOLDERS[modality]]) for modality in mm_items if mm_items[modality]]


def as_image(item: Any) -> Image.Image:
    return item if isinstance(item, Image.Image) else Image.fromarray(np.asarray(item))


def clip(frames: Any) -> Any:
    try:
        return video_frames(sampled(frames))
    except ValueError as error:
        raise VLLMValidationError(str(error), parameter="video") from error


def pixel_rows(pixels: torch.Tensor) -> int:
    """Rows of one view, uint8 [height, width, 3]."""
    return view_rows((pixels.shape[1], pixels.shape[0]))
