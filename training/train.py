"""`make train`: everything from seeds to a checkpoint, resumed where it was killed.

The encoders are pre-trained at the same time, one process and core each; then the stages follow one another.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from engine.config import OlaConfig
from engine.model.senses import Hearing, Vision
from training.hearing import listening, tagging
from training.loop import Job, Run
from training.seeing import looking
from training.sizes import Sizes
from training.world.speech import Bank

WORK = Path("build/train")
LOOKING, LISTENING, TAGGING = 1_800, 3_000, 800
"""Steps of the encoders' own training."""


def bare_config() -> OlaConfig:
    """Sizes of the encoders without a tokenizer."""
    return Sizes().config(1, {"<|endoftext|>": 0, "<|im_end|>": 0})


def initialise(model: nn.Module) -> None:
    """What the modules themselves leave at zero, because serving loads it."""
    for name, parameter in model.named_parameters():
        if name.endswith(("pos_embed", "positional_embedding", "image_newline", "image_begin", "image_end", "image_sep")):
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith(("speech_newline", "speech_begin", "speech_end", "relative_attention_bias.weight")):
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith("weight_v"):
            nn.init.normal_(parameter, std=0.05)


def encoder(name: str, work: Path) -> tuple[Job, nn.Module]:
    torch.manual_seed(len(name))
    config = bare_config()
    if name == "looking":
        vision = Vision(config)
        initialise(vision)
        return looking(vision, LOOKING)
    hearing, bank = Hearing(config), Bank(work / "speech")
    initialise(hearing)
    return listening(hearing, bank, LISTENING) if name == "listening" else tagging(hearing, bank, TAGGING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--part", choices=("looking", "listening", "tagging"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    job, module = encoder(options.part, options.work)
    Run(job, module, options.work, torch.device("cpu")).finish()


if __name__ == "__main__":
    main()
