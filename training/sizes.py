"""How large the demo model is, in one place."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from engine.config import BeatsDims, HearingDims, OlaConfig, VisionDims, WhisperDims

WHISPER_FILE, BEATS_FILE = "large-v3.pt", "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt"
"""The released names; what is in them is small."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The released model's proportions, for a world of 300 words."""

    hidden: int = 256
    intermediate: int = 704
    layers: int = 7
    heads: int = 4
    kv_heads: int = 2
    vision: VisionDims = field(default=VisionDims(width=128, layers=4, heads=4, mlp_dim=478, pos_grid=24))
    whisper: WhisperDims = field(default=WhisperDims(n_audio_state=128, n_audio_head=2, n_audio_layer=4))
    beats: BeatsDims = field(
        default=BeatsDims(
            embed_dim=64,
            encoder_embed_dim=64,
            encoder_attention_heads=2,
            encoder_ffn_embed_dim=192,
            encoder_layers=2,
            conv_pos_groups=4,
        )
    )

    @property
    def speech_width(self) -> int:
        """Channels of both speech encoders side by side."""
        return self.whisper.n_audio_state + self.beats.encoder_embed_dim

    def config_json(self, vocabulary: int, specials: dict[str, int]) -> dict[str, Any]:
        """What config.json says, with the released keys. `specials`: ids of the control tokens by their text."""
        return {
            "architectures": ["OlaQwenForCausalLM"],
            "attention_dropout": 0.0,
            "bos_token_id": specials["<|endoftext|>"],
            "eos_token_id": specials["<|im_end|>"],
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate,
            "max_position_embeddings": 32768,
            "max_window_layers": self.layers,
            "mm_hidden_size": self.vision.width,
            "mm_projector_type": "ola_mlp",
            "mm_vision_tower_dims": asdict(self.vision),
            "model_type": "ola_qwen",
            "music_encoder": f"./{BEATS_FILE}",
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": 1e-6,
            "rope_scaling": None,
            "rope_theta": 1_000_000.0,
            "sliding_window": None,
            "speech_encoder": f"./{WHISPER_FILE}",
            "speech_encoder_ds_rate": 10,
            "speech_encoder_hidden_size": self.speech_width,
            "speech_encoder_type": "dual",
            "speech_projector_type": "linear",
            "tie_word_embeddings": False,
            "tokenizer_model_max_length": 16_384,
            "tokenizer_padding_side": "right",
            "torch_dtype": "float32",
            "use_cache": True,
            "use_sliding_window": False,
            "vocab_size": vocabulary,
        }

    def config(self, vocabulary: int, specials: dict[str, int]) -> OlaConfig:
        """The same with the encoders' sizes, which config.json leaves to their files."""
        config = OlaConfig(**self.config_json(vocabulary, specials))
        config.hearing = HearingDims(self.whisper, self.beats)
        return config
