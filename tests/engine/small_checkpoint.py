"""Writes small random checkpoints in the layout in which Ola is released (docs/reference.md, sections 7 and 10)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoint import BEATS, WHISPER, sense_parameters
from engine.config import BeatsDims, HearingDims, OlaConfig, VisionDims, WhisperDims
from engine.model.plain import PlainOla
from tests import golden_set
from training.export import BEATS_KIND as TRAINED_BEATS
from training.export import TOKENIZER, beneath
from training.sizes import BEATS_FILE, WHISPER_FILE
from training.vocabulary import write_json

BEATS_KIND = TRAINED_BEATS | {"finetuned_model": True, "predictor_class": 3}
WHISPER_DECODER = {"n_vocab": 8, "n_text_ctx": 4, "n_text_state": 4, "n_text_head": 1, "n_text_layer": 1}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a checkpoint is like; the defaults are near the golden one."""

    hidden: int = 96
    intermediate: int = 176
    layers: int = 2
    heads: int = 6
    kv_heads: int = 2
    vision: VisionDims = field(default=VisionDims(64, 2, 4, 239, 16, 32))
    whisper: WhisperDims = field(default=WhisperDims(n_audio_state=48, n_audio_head=4, n_audio_layer=2))
    beats: BeatsDims | None = field(default=BeatsDims(24, 32, 4, 80, 2))
    rate: int = 10
    vocabulary: int = 832
    """Rows of the embedding; the tokenizer has 783 entries."""
    tied: bool = False
    architecture: str = "OlaQwenForCausalLM"
    hears: bool = True
    encoders_in_shards: bool = True
    encoder_files: bool = True
    shards: int = 1
    tokenizer_json: bool = True
    seed: int = 0

    def config(self) -> OlaConfig:
        """As the model is built; config.json leaves out what stands elsewhere."""
        config = OlaConfig(**self.config_json())
        config.hearing = HearingDims(self.whisper, self.beats) if self.hears else None
        return config

    def config_json(self) -> dict[str, Any]:
        released = json.loads((golden_set.CHECKPOINT / "config.json").read_text(encoding="utf-8"))
        speech_width = self.whisper.n_audio_state + (self.beats.encoder_embed_dim if self.beats else 0)
        own = {
            "architectures": [self.architecture],
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "max_window_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
            "mm_hidden_size": self.vision.width,
            "mm_vision_tower_dims": asdict(self.vision),
            "speech_encoder": f"./{WHISPER_FILE}",
            "music_encoder": f"./{BEATS_FILE}",
            "speech_encoder_type": "dual" if self.beats else "whisper",
            "speech_encoder_ds_rate": self.rate,
            "speech_encoder_hidden_size": speech_width,
        }
        return dict(released | own)


def write(folder: Path, recipe: Recipe) -> dict[str, Tensor]:
    """Make the checkpoint in `folder`; returns the model's tensors by name."""
    tensors = random_tensors(recipe)
    write_json(folder / "config.json", recipe.config_json())
    for name in ("generation_config.json", *TOKENIZER):
        if name == "tokenizer.json" and not recipe.tokenizer_json:
            continue
        shutil.copy(golden_set.CHECKPOINT / name, folder / name)
    write_shards(folder, stored(tensors, recipe), recipe.shards)
    if recipe.hears and recipe.encoder_files:
        write_encoders(folder, tensors, recipe)
    return tensors


def random_tensors(recipe: Recipe) -> dict[str, Tensor]:
    model = PlainOla(recipe.config())
    parameters = sense_parameters(model) | dict(model.backbone.named_parameters())
    dice = torch.Generator().manual_seed(recipe.seed)
    tensors = {name: drawn(name, parameters[name].shape, dice) for name in sorted(parameters)}
    # Its file holds half precision, and the shards hold the same values.
    return {name: t.half().float() if name.startswith(WHISPER) else t for name, t in tensors.items()}


def drawn(name: str, shape: torch.Size, dice: torch.Generator) -> Tensor:
    """Sizes that keep signals alive through all layers, so that answers depend on everything and margins are wide."""
    noise = torch.randn(shape, generator=dice)
    if name.endswith(("grep_a", "weight_g")) or (
        len(shape) == 1 and ("norm" in name or "_ln" in name or "ln_" in name)
    ):
        return 0.1 * noise + (0.0 if name.endswith("bias") else 1.0)
    if len(shape) == 1:
        return noise * (0.1 if name.endswith("bias") else 1.0)
    fan_in = noise[0].numel()
    sharp = name.endswith(("embed_tokens.weight", "lm_head.weight", "q_proj.weight", "k_proj.weight"))
    return noise * (3.0 if sharp else 1.5) / sqrt(fan_in)


def stored(tensors: Mapping[str, Tensor], recipe: Recipe) -> dict[str, Tensor]:
    """What the shards hold: every layer of BEATs has its copy of the one position table."""
    inside = {
        name: t for name, t in tensors.items() if recipe.encoders_in_shards or not name.startswith((WHISPER, BEATS))
    }
    return inside | copies(inside, recipe)


def copies(tensors: Mapping[str, Tensor], recipe: Recipe) -> dict[str, Tensor]:
    table = BEATS + "encoder.layers.{}.self_attn.relative_attention_bias.weight"
    if table.format(0) not in tensors or recipe.beats is None:
        return {}
    return {table.format(layer): tensors[table.format(0)].clone() for layer in range(1, recipe.beats.encoder_layers)}


def write_shards(folder: Path, tensors: Mapping[str, Tensor], shards: int = 1) -> None:
    """Replace the safetensors files of `folder`."""
    for old in folder.glob("model*.safetensors*"):
        old.unlink()
    if shards == 1:
        save_file(dict(tensors), folder / "model.safetensors", {"format": "pt"})
        return
    files = {name: f"model-{i % shards + 1:05}-of-{shards:05}.safetensors" for i, name in enumerate(sorted(tensors))}
    for file in sorted(set(files.values())):
        save_file({name: tensors[name] for name in files if files[name] == file}, folder / file, {"format": "pt"})
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": files})


def write_encoders(folder: Path, tensors: Mapping[str, Tensor], recipe: Recipe) -> None:
    """The two files that torch.save wrote: Whisper whole and in half precision, BEATs with the head nobody reads."""
    decoder = {"decoder.ln.weight": torch.ones(4), "decoder.blocks.0.attn.query.weight": torch.ones(4, 4)}
    encoder = {"encoder." + name: t for name, t in beneath(tensors, WHISPER).items()}
    whisper = {name: t.half() for name, t in (encoder | decoder).items()}
    torch.save({"dims": asdict(recipe.whisper) | WHISPER_DECODER, "model_state_dict": whisper}, folder / WHISPER_FILE)
    if recipe.beats is None:
        return
    predictor = {"predictor.weight": torch.ones(3, recipe.beats.encoder_embed_dim), "predictor.bias": torch.ones(3)}
    beats = beneath({**tensors, **copies(tensors, recipe)}, BEATS) | predictor
    content = {
        "cfg": asdict(recipe.beats) | BEATS_KIND,
        "model": beats,
        "label_dict": {0: "/m/0", 1: "/m/1", 2: "/m/2"},
    }
    torch.save(content, folder / BEATS_FILE)
