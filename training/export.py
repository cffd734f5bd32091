"""Writes a trained model as Ola is released: config, tokenizer, one safetensors file, two speech encoder files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from engine.checkpoint import BEATS, WHISPER, sense_parameters
from engine.config import BeatsDims, WhisperDims
from engine.model.plain import PlainOla
from training.sizes import BEATS_FILE, WHISPER_FILE, Sizes
from training.vocabulary import CONTROL, write_json

WEIGHTS = "model.safetensors"
TOKENIZER = (
    *("vocab.json", "merges.txt", "tokenizer.json", "added_tokens.json", "special_tokens_map.json"),
    "tokenizer_config.json",
)
CARD = Path(__file__).with_name("card.md")
"""What the model is, and is not."""
BEATS_KIND = {
    "relative_position_embedding": True,
    "gru_rel_pos": True,
    "deep_norm": True,
    "layer_norm_first": False,
    "activation_fn": "gelu",
    "finetuned_model": False,
}
"""What the reference's BEATs code asks of a file's `cfg` besides the sizes."""


def write(folder: Path, model: PlainOla, sizes: Sizes, tokenizer: PreTrainedTokenizerBase, words: Path) -> None:
    """Write `model` to `folder`; `words` is where the tokenizer's files lie.

    Half precision keeps 11 bits of every weight, which a small model needs more than bfloat16's range; BEATs stays in
    float32, as released.
    """
    folder.mkdir(parents=True, exist_ok=True)
    specials = {text: int(tokenizer.convert_tokens_to_ids(text)) for text in CONTROL}
    write_json(folder / "config.json", sizes.config_json(len(tokenizer), specials))
    write_json(folder / "generation_config.json", generation(specials))
    for name in TOKENIZER:
        shutil.copy(words / name, folder / name)
    parameters = sense_parameters(model) | dict(model.backbone.named_parameters())
    tensors = {name: stored(name, parameter.data) for name, parameter in sorted(parameters.items())}
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)  # safetensors lets nobody else read it
    save_whisper(folder / WHISPER_FILE, sizes.whisper, beneath(tensors, WHISPER))
    save_beats(folder / BEATS_FILE, sizes.beats, beneath(tensors, BEATS))
    shutil.copy(CARD, folder / "README.md")


def stored(name: str, tensor: Tensor) -> Tensor:
    kept = tensor.detach().cpu().contiguous()
    return kept.float() if name.startswith(BEATS) else kept.half()


def generation(specials: Mapping[str, int]) -> dict[str, Any]:
    """The published script's temperature; no penalty, because our answers repeat words that must be repeated."""
    return {
        "bos_token_id": specials["<|endoftext|>"],
        "do_sample": True,
        "eos_token_id": [specials["<|im_end|>"], specials["<|endoftext|>"]],
        "pad_token_id": specials["<|endoftext|>"],
        "repetition_penalty": 1.0,
        "temperature": 0.2,
        "top_k": 20,
    }


def save_whisper(path: Path, dims: WhisperDims, tensors: Mapping[str, Tensor]) -> None:
    """As OpenAI saves one, without a decoder, which nobody reads."""
    state = {f"encoder.{name}": tensor for name, tensor in tensors.items()}
    torch.save({"dims": asdict(dims), "model_state_dict": state}, path)


def save_beats(path: Path, dims: BeatsDims, tensors: Mapping[str, Tensor]) -> None:
    torch.save({"cfg": asdict(dims) | BEATS_KIND, "model": dict(tensors)}, path)


def beneath(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
