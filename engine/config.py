"""Ola's configuration: the released config.json as it is, and the encoders' sizes that stand elsewhere.

The sizes of the speech encoders are not in config.json; `engine.checkpoint` reads them off the weights once and keeps
them here, so that the engine's processes need not look again (docs/reference.md, 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import Qwen2Config


@dataclass(frozen=True, slots=True)
class VisionDims:
    """Defaults are the released OryxViT, which config.json does not describe."""

    width: int = 1152
    layers: int = 27
    heads: int = 16
    mlp_dim: int = 4304
    patch_size: int = 16
    pos_grid: int = 128


@dataclass(frozen=True, slots=True)
class WhisperDims:
    """The encoder's part of the `dims` in an OpenAI Whisper file; defaults are large-v3."""

    n_mels: int = 128
    n_audio_ctx: int = 1500
    n_audio_state: int = 1280
    n_audio_head: int = 20
    n_audio_layer: int = 32


@dataclass(frozen=True, slots=True)
class BeatsDims:
    """What the encoder needs of the `cfg` in a BEATs file; defaults are BEATs iter3+."""

    embed_dim: int = 512
    encoder_embed_dim: int = 768
    encoder_attention_heads: int = 12
    encoder_ffn_embed_dim: int = 3072
    encoder_layers: int = 12
    input_patch_size: int = 16
    conv_pos: int = 128
    conv_pos_groups: int = 16
    num_buckets: int = 320
    max_distance: int = 800


@dataclass(frozen=True, slots=True)
class HearingDims:
    """`beats` is None for a checkpoint that hears with Whisper alone."""

    whisper: WhisperDims
    beats: BeatsDims | None


class OlaConfig(Qwen2Config):
    """A Qwen2 configuration with Ola's extra keys."""

    model_type = "ola_qwen"

    def __init__(
        self,
        mm_vision_tower_dims: dict[str, int] | None = None,
        mm_hidden_size: int = 1152,
        speech_encoder: str | None = None,
        music_encoder: str | None = None,
        speech_encoder_type: str = "dual",
        speech_encoder_ds_rate: int = 10,
        speech_encoder_hidden_size: int = 2048,
        tokenizer_model_max_length: int = 16_384,
        **kwargs: Any,
    ) -> None:
        # The reference ignores whatever rope scaling a checkpoint names (docs/reference.md, 7).
        kwargs["rope_scaling"] = None
        super().__init__(**kwargs)
        self.mm_vision_tower_dims = mm_vision_tower_dims
        self.mm_hidden_size = mm_hidden_size
        self.speech_encoder = speech_encoder
        self.music_encoder = music_encoder
        self.speech_encoder_type = speech_encoder_type
        self.speech_encoder_ds_rate = speech_encoder_ds_rate
        self.speech_encoder_hidden_size = speech_encoder_hidden_size
        self.tokenizer_model_max_length = tokenizer_model_max_length
        self.hearing: HearingDims | None = None
        self.speech_files: list[str] = []

    @property
    def vision(self) -> VisionDims:
        return VisionDims(**(self.mm_vision_tower_dims or {}))
