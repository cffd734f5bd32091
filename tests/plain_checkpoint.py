"""A small language model of somebody else's kind: a plain Qwen2 with random weights, whose every token is a word."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

UNKNOWN, END = "[unknown]", "[end]"
WORDS = [
    *("the", "sea", "is", "calm", "and", "a", "ship", "goes", "home", "with", "many", "people", "who", "sing"),
    *("of", "long", "days", "far", "away", "user", "assistant", "system", ".", ","),
]
TEMPLATE = "{% for message in messages %}{{ message.role }} {{ message.content }} . {% endfor %}assistant"


def write_plain_qwen2(folder: Path) -> None:
    """Make the checkpoint as its makers would: config, one shard, tokenizer with a chat template."""
    spaced = [word if word in ".," else f"\u0120{word}" for word in WORDS]  # as byte-level tokenizers write a space
    vocabulary = {token: number for number, token in enumerate([UNKNOWN, END, *spaced])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token=UNKNOWN, eos_token=END, pad_token=END)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=vocabulary[END],
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"] == "qwen2"
