"""Where a checkpoint's tensors are, what they are called, how large its speech encoders are (docs/reference.md, 7, 10).

A checkpoint is a local folder or a hub id in the released layout: safetensors shards, and two speech encoder files
written by torch.save, which win over the shards' copies of the same tensors.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar
from zipfile import is_zipfile

import torch
from huggingface_hub import hf_hub_download, snapshot_download
from safetensors import safe_open
from torch import Tensor, nn

from engine.config import BeatsDims, HearingDims, OlaConfig, WhisperDims

log = logging.getLogger(__name__)

SPEECH_REPO = "THUdyh/Ola_speech_encoders"
WHISPER, BEATS = "model.speech_encoder.whisper_model.", "model.speech_encoder.beats_model."
SENSES = {
    "model.vision_tower.vision_tower.": "vision.tower.",
    "model.mm_projector.": "vision.projector.",
    WHISPER: "hearing.whisper.",
    BEATS: "hearing.beats.",
    "model.speech_projector.": "hearing.projector.",
}
"""Where the checkpoint's tensors live in a module that holds `vision` and `hearing`; all others are the backbone's."""

SPEECH_PREFIXES = ("model.speech_encoder.", "model.speech_projector.")
WHISPER_KEYS, BEATS_KEYS = ("dims", "model_state_dict"), ("cfg", "model")
"""What each of the two speech encoder files holds: sizes, tensors."""

UNUSED = ("rotary_emb.inv_freq", BEATS + "predictor.")
"""Parts of names that released files hold and nothing reads."""

Dims = TypeVar("Dims", WhisperDims, BeatsDims)


class CheckpointError(ValueError):
    """The checkpoint cannot be this model: tensors are missing, left over or of the wrong size."""


def local_folder(model: str, revision: str | None = None) -> Path:
    """The checkpoint as a folder; a hub id is downloaded once and then found without a network."""
    folder = Path(model)
    if folder.is_dir():
        return folder
    patterns = ["*.json", "*.txt", "*.safetensors", "*.pt"]
    return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in the folder's safetensors files."""
    shapes: dict[str, tuple[int, ...]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            shapes |= {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
    return shapes


def describe_hearing(config: OlaConfig, folder: Path) -> None:
    """Put the speech encoders' sizes and files into `config`; a checkpoint without speech keeps `hearing` None.

    Raises:
        CheckpointError: the sizes stand nowhere, or the encoders are of a kind that this model does not have.
    """
    shapes = tensor_shapes(folder)
    if not shapes and any(folder.glob("*.bin")):
        raise CheckpointError(f"{folder} has .bin files and no safetensors, whose names could be read: convert it")
    if not any(name.startswith(SPEECH_PREFIXES) for name in shapes):
        return
    dual = "dual" in config.speech_encoder_type
    whisper_file = speech_file(config.speech_encoder, folder, shapes, WHISPER)
    beats_file = speech_file(config.music_encoder, folder, shapes, BEATS) if dual else None
    whisper = open_speech_file(whisper_file, WHISPER_KEYS)
    dims = pick(WhisperDims, whisper["dims"]) if whisper else whisper_from_shapes(shapes)
    config.hearing = HearingDims(dims, beats_dims(beats_file, shapes) if dual else None)
    config.speech_files = [str(file) for file in (whisper_file, beats_file) if file]


def beats_dims(file: Path | None, shapes: Mapping[str, tuple[int, ...]]) -> BeatsDims:
    beats = open_speech_file(file, BEATS_KEYS)
    if not beats:
        return beats_from_shapes(shapes)
    expected = {"relative_position_embedding": True, "gru_rel_pos": True, "deep_norm": True, "layer_norm_first": False}
    if wrong := {key: beats["cfg"].get(key) for key, value in expected.items() if beats["cfg"].get(key) != value}:
        raise CheckpointError(f"{file}: this kind of BEATs encoder is not supported: {wrong}")
    return pick(BeatsDims, beats["cfg"])


def speech_file(name: str | None, folder: Path, shapes: Mapping[str, tuple[int, ...]], prefix: str) -> Path | None:
    """The encoder's own file: by base name beside the checkpoint, then where the config says, then from the hub.

    None if the shards hold the encoder and no file is near: the hub is asked only for what cannot be had otherwise.
    """
    if name:
        for path in (folder / Path(name).name, Path(name)):
            if path.is_file():
                return path
    if any(tensor.startswith(prefix) for tensor in shapes):
        return None
    if not name:
        raise CheckpointError(f"No tensors {prefix}* in {folder}, and config.json names no file that holds them.")
    return Path(hf_hub_download(SPEECH_REPO, Path(name).name))


def open_speech_file(path: Path | None, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """What torch.save wrote, empty without a path.

    Raises:
        CheckpointError: the file holds more than tensors and plain values, is damaged, or lacks `keys`.
    """
    if path is None:
        return {}
    try:
        # Files from before PyTorch 1.6 are no archives and cannot be mapped.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{path} is not a file of tensors alone as torch.save writes it.") from error
    if not isinstance(content, dict) or any(key not in content for key in keys):
        raise CheckpointError(f"{path} is not a speech encoder's file: it must hold {' and '.join(keys)}.")
    return content


def speech_tensors(path: str) -> Iterator[tuple[str, Tensor]]:
    """The encoder tensors of one of the two files, under their names in the checkpoint."""
    content = open_speech_file(Path(path))
    if "model_state_dict" in content:
        whisper = content["model_state_dict"].items()
        return ((WHISPER + name.removeprefix("encoder."), t) for name, t in whisper if name.startswith("encoder."))
    return ((BEATS + name, tensor) for name, tensor in content["model"].items())


def pick(kind: type[Dims], values: Mapping[str, Any]) -> Dims:
    return kind(**{field.name: values[field.name] for field in fields(kind) if field.name in values})


def whisper_from_shapes(shapes: Mapping[str, tuple[int, ...]]) -> WhisperDims:
    context, width = shapes[WHISPER + "positional_embedding"]
    if width % 64:
        raise CheckpointError(
            f"A Whisper encoder {width} wide has no known number of heads: put its .pt file beside the checkpoint."
        )
    # All of OpenAI's encoders have heads of 64; the tensors alone do not tell.
    return WhisperDims(
        shapes[WHISPER + "conv1.weight"][1], context, width, width // 64, count(shapes, WHISPER + "blocks.")
    )


def beats_from_shapes(shapes: Mapping[str, tuple[int, ...]]) -> BeatsDims:
    layer = BEATS + "encoder.layers.0."
    hidden, width = shapes[layer + "fc1.weight"]
    embed, _, patch, _ = shapes[BEATS + "patch_embedding.weight"]
    conv_width, conv_group, conv_pos = shapes[BEATS + "encoder.pos_conv.0.weight_v"]
    buckets, heads = shapes[layer + "self_attn.relative_attention_bias.weight"]
    return BeatsDims(
        embed_dim=embed,
        encoder_embed_dim=width,
        encoder_attention_heads=heads,
        encoder_ffn_embed_dim=hidden,
        encoder_layers=count(shapes, BEATS + "encoder.layers."),
        input_patch_size=patch,
        conv_pos=conv_pos,
        conv_pos_groups=conv_width // conv_group,
        num_buckets=buckets,
    )


def count(shapes: Iterable[str], prefix: str) -> int:
    """Number of numbered modules under `prefix`."""
    return len({name.removeprefix(prefix).split(".")[0] for name in shapes if name.startswith(prefix)})


def backbone_shapes(config: OlaConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor of the Qwen2 part, the vocabulary already cut."""
    width, hidden, rows = config.hidden_size, config.intermediate_size, (config.vocab_size, config.hidden_size)
    head = width // config.num_attention_heads
    heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads, "v": config.num_key_value_heads}
    layer: dict[str, tuple[int, ...]] = {
        **{f"self_attn.{p}_proj.weight": (count * head, width) for p, count in heads.items()},
        **{f"self_attn.{p}_proj.bias": (count * head,) for p, count in heads.items()},
        "self_attn.o_proj.weight": (width, width),
        "mlp.gate_proj.weight": (hidden, width),
        "mlp.up_proj.weight": (hidden, width),
        "mlp.down_proj.weight": (width, hidden),
        "input_layernorm.weight": (width,),
        "post_attention_layernorm.weight": (width,),
    }
    layers = range(config.num_hidden_layers)
    shapes = {f"model.layers.{i}.{name}": shape for i in layers for name, shape in layer.items()}
    shapes |= {"model.embed_tokens.weight": rows, "model.norm.weight": (width,)}
    return shapes if config.tie_word_embeddings else shapes | {"lm_head.weight": rows}


def sense_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of a module's `vision` and `hearing`, under their names in the checkpoint."""
    return {
        prefix + name.removeprefix(module): parameter
        for name, parameter in model.named_parameters()
        for prefix, module in SENSES.items()
        if name.startswith(module)
    }


class Ledger:
    """Keeps account of the tensors that a checkpoint brings and the model wants.

    Args:
        own: the senses' parameters under their checkpoint names; loaded here.
        backbone: shapes of the Qwen2 part, which vLLM loads; empty if it is quantised and vLLM knows the names.
        vocabulary: rows of the embedding and the output layer that are kept (docs/model.md).
        ignored: prefixes of parts that are switched off.
    """

    def __init__(
        self,
        own: Mapping[str, nn.Parameter],
        backbone: Mapping[str, tuple[int, ...]],
        vocabulary: int,
        ignored: tuple[str, ...] = (),
    ) -> None:
        self._own, self._backbone, self._vocabulary, self._ignored = own, backbone, vocabulary, ignored
        self._found: set[str] = set()
        self._left_over: set[str] = set()
        self._misshapen: set[str] = set()

    def route(self, weights: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        """Load the senses' tensors as they come by, and pass the backbone's on."""
        for name, tensor in weights:
            if name in self._own:
                self._copy(name, self._cut(name, tensor))
            elif name in self._backbone or name == "lm_head.weight" or (not self._backbone and is_backbone(name)):
                tensor = self._cut(name, tensor)
                if self._backbone.get(name, tensor.shape) != tensor.shape:
                    self._misshapen.add(name)
                    continue
                self._found.add(name)
                yield name, tensor
            elif not self._unread(name):
                self._left_over.add(name)

    def load(self, tensors: Iterable[tuple[str, Tensor]], source: str) -> None:
        """Load tensors that win over what the shards held, and report where the two disagree."""
        for name, tensor in tensors:
            if name not in self._own:
                if not self._unread(name):
                    self._left_over.add(name)
                continue
            if name in self._found and differs(self._own[name].data, tensor):
                log.warning("%s: %s differs from the safetensors; the value of this file is used", source, name)
            self._copy(name, tensor)

    def settle(self) -> None:
        """Raises CheckpointError with complete lists if anything is missing, left over or of the wrong size."""
        missing = (self._own.keys() | self._backbone.keys()) - self._found - self._misshapen
        problems = [("missing", missing), ("left over", self._left_over), ("of the wrong size", self._misshapen)]
        lines = [f"{len(names)} {what}: {', '.join(sorted(names))}" for what, names in problems if names]
        if lines:
            raise CheckpointError("The checkpoint's tensors do not fit the model. " + "; ".join(lines))

    def _copy(self, name: str, tensor: Tensor) -> None:
        if self._own[name].shape != tensor.shape:
            self._misshapen.add(name)
            return
        self._own[name].data.copy_(tensor)
        self._found.add(name)

    def _cut(self, name: str, tensor: Tensor) -> Tensor:
        if name not in ("model.embed_tokens.weight", "lm_head.weight"):
            return tensor
        if len(tensor) < self._vocabulary:
            raise CheckpointError(f"{name} has {len(tensor)} rows for a tokenizer of {self._vocabulary} entries.")
        return tensor[: self._vocabulary]

    def _unread(self, name: str) -> bool:
        """Whether nothing reads this tensor although released files hold it, or its part is switched off."""
        later_bias = name.endswith("relative_attention_bias.weight") and ".layers.0." not in name
        return later_bias or name.startswith(self._ignored) or any(part in name for part in UNUSED)


def is_backbone(name: str) -> bool:
    return name.startswith(("model.layers.", "model.embed_tokens.", "model.norm.", "lm_head."))


def differs(a: Tensor, b: Tensor) -> bool:
    """Whether two copies of a tensor differ by more than rounding to bfloat16 explains."""
    return a.shape == b.shape and not torch.allclose(a.float(), b.to(a.device).float(), rtol=2**-7, atol=1e-6)
