"""Ola whole, in plain PyTorch, one request at a time: the yardstick for parity and throughput.

Knows no prompt: it takes token ids and attachments in the order of their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image as Pictures
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoTokenizer, Qwen2ForCausalLM

from engine.api import Attachment, Image, Sound, Video
from engine.checkpoint import Ledger, backbone_shapes, describe_hearing, sense_parameters, speech_tensors
from engine.config import OlaConfig
from engine.model.senses import Hearing, Vision
from engine.preprocess import MAX_SOUND_SAMPLES, image_views, video_frames


class PlainOla(nn.Module):
    """The senses of the served model and Transformers' Qwen2."""

    def __init__(self, config: OlaConfig) -> None:
        super().__init__()
        self.vision = Vision(config)
        self.hearing = Hearing(config) if config.hearing else None
        self.backbone: Any = Qwen2ForCausalLM(config)

    @classmethod
    def load(cls, folder: Path) -> PlainOla:
        """Read a local checkpoint in float32.

        Raises:
            CheckpointError: with the complete list of missing, left-over or misshapen tensors.
        """
        config = OlaConfig.from_pretrained(folder)
        describe_hearing(config, folder)
        config.vocab_size = len(AutoTokenizer.from_pretrained(folder, config=config))
        model = cls(config).eval()
        own = sense_parameters(model) | dict(model.backbone.named_parameters())
        ledger = Ledger(own, backbone_shapes(config), config.vocab_size)
        for file in sorted(folder.glob("*.safetensors")):
            untaken = [name for name, _ in ledger.route(load_file(file).items())]
            # What is tied may stand in a checkpoint twice; all else has its parameter here.
            assert set(untaken) <= {"lm_head.weight"}, untaken
        for path in config.speech_files:
            ledger.load(speech_tensors(path), path)
        ledger.settle()
        return model

    @torch.inference_mode()
    def embed(self, pieces: Sequence[list[int] | Attachment]) -> Tensor:
        """Rows of the whole prompt: [rows, width]."""
        return torch.cat([self._rows(piece) for piece in pieces])

    @torch.inference_mode()
    def generate(self, embeds: Tensor, **options: Any) -> list[int]:
        """Token ids after `embeds` [rows, width]; `options` are those of Transformers' `generate`."""
        mask = torch.ones(1, len(embeds), dtype=torch.long)
        ids: list[int] = self.backbone.generate(inputs_embeds=embeds[None], attention_mask=mask, **options)[0].tolist()
        return ids

    def _rows(self, piece: list[int] | Attachment) -> Tensor:
        match piece:
            case Image():
                low, high = (torch.tensor(view) for view in image_views(Pictures.fromarray(piece.pixels)))
                return self.vision.images([(low, high)])[0]
            case Video():
                return self.vision.videos([torch.from_numpy(video_frames(piece.frames))])[0]
            case Sound():
                assert self.hearing is not None
                return self.hearing([torch.from_numpy(piece.samples[:MAX_SOUND_SAMPLES])])[0]
            case ids:
                rows: Tensor = self.backbone.get_input_embeddings()(torch.tensor(ids, dtype=torch.long))
                return rows
