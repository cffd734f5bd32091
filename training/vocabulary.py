"""The demo model's tokenizer: Qwen2's kind, merges learned from the small world, the released control tokens."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from training.loop import replace_text
from training.world.sentences import VOCABULARY, inventory
from training.world.talk import conversation

MERGES = 800
CORPUS = 6_000
"""Conversations and sentences from which the merges are learned."""

SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
PLAIN = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>"),
)
OLA = ("<|ocr_start|>", "<|ocr_end|>", "<|face_start|>", "<|face_end|>", "<|mm_pad|>")
CONTROL = (*SPECIAL, *PLAIN, *OLA)
"""In the order of their ids, which follow the merges (docs/reference.md, 1)."""

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen2's: every digit alone."""


def write_tokenizer(folder: Path, seed: int = 0, corpus: int = CORPUS) -> PreTrainedTokenizerBase:
    """Learn the merges and write vocab.json, merges.txt and the rest as Ola is released."""
    folder.mkdir(parents=True, exist_ok=True)
    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=256 + MERGES, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator(texts(np.random.default_rng(seed), corpus), trainer)
    backend.model.save(str(folder))
    backend.add_tokens([token_of(text) for text in CONTROL])
    backend.save(str(folder / "tokenizer.json"))
    write_json(folder / "added_tokens.json", {text: backend.token_to_id(text) for text in sorted(CONTROL)})
    write_json(folder / "special_tokens_map.json", roles() | {"additional_special_tokens": list(SPECIAL[1:])})
    write_json(folder / "tokenizer_config.json", tokenizer_config(backend))
    return load_tokenizer(folder)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return tokenizer


def texts(dice: np.random.Generator, count: int) -> list[str]:
    talks = [conversation(dice) for _ in range(count)]
    said = [line for talk in talks for turn in talk.turns for line in (talk.system, turn.question, turn.answer)]
    prompt = [*(f" {word}" for word in VOCABULARY), "system\n", "user\n", "assistant\n", "question in speech: "] * 20
    return [*said, *inventory(dice, count), *(line.lower() for line in inventory(dice, count)), *prompt]


def token_of(text: str) -> AddedToken:
    return AddedToken(text, special=text not in PLAIN, normalized=False)


def roles() -> dict[str, object]:
    return {"eos_token": "<|im_end|>", "pad_token": "<|mm_pad|>"}


def tokenizer_config(backend: Tokenizer) -> dict[str, object]:
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    added = {
        str(backend.token_to_id(text)): {"content": text, **flags, "special": text not in PLAIN} for text in CONTROL
    }
    fixed = {"add_prefix_space": False, "bos_token": None, "clean_up_tokenization_spaces": False, "errors": "replace"}
    return {
        **fixed,
        **roles(),
        "added_tokens_decoder": added,
        "additional_special_tokens": list(SPECIAL[1:]),
        "model_max_length": 16_384,
        "padding_side": "right",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }


def write_json(path: Path, content: object) -> None:
    replace_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
