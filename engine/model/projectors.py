"""From encoder features to rows of the language model's input (docs/reference.md, 3 to 5; the paper's section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SPEECH_HIDDEN = 2048  # fixed in the reference


class LocalGlobalPool(nn.Module):
    """Local-global attention pooling: each 2x2 block becomes the mean of its vectors, weighted per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.predictor = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[n, rows, columns, width] -> [n, rows / 2, columns / 2, width]."""
        blocks = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).transpose(2, 3).flatten(3, 4)
        mean = blocks.mean(dim=3, keepdim=True).expand_as(blocks)
        weights = self.predictor(torch.cat([blocks, mean], dim=-1)).softmax(dim=3)
        return (blocks * weights).sum(dim=3)


class VisionProjector(nn.Module):
    def __init__(self, vision_width: int, width: int) -> None:
        super().__init__()
        self.proj1 = nn.Linear(vision_width, width)
        self.proj2 = nn.Linear(width, width)
        self.pooler = LocalGlobalPool(width)
        self.image_newline, self.image_begin, self.image_end, self.image_sep = (
            nn.Parameter(torch.zeros(width)) for _ in range(4)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[n, rows, columns, vision_width] -> [n, rows / 2 * (columns / 2 + 1), width]: every row ends in a newline."""
        x = self.proj2(F.gelu(self.pooler(self.proj1(features))))
        newline = self.image_newline.expand(*x.shape[:2], 1, -1)
        return torch.cat([x, newline], dim=2).flatten(1, 2)

    def image(self, low: Tensor, high: Tensor) -> Tensor:
        """Both views of one picture, each [1, rows, columns, vision_width] -> [tokens, width]."""
        return torch.cat(
            [self.image_begin[None], self(low)[0], self.image_sep[None], self(high)[0], self.image_end[None]]
        )

    def video(self, frames: Tensor) -> Tensor:
        """[frames, rows, columns, vision_width] -> [tokens, width]; every frame ends in a separator."""
        x = self(frames)
        x = torch.cat([x, self.image_sep.expand(len(x), 1, -1)], dim=1).flatten(0, 1)
        return torch.cat([self.image_begin[None], x, self.image_end[None]])


class SpeechProjector(nn.Module):
    def __init__(self, speech_width: int, width: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.linear1 = nn.Linear(speech_width * rate, SPEECH_HIDDEN)
        self.linear2 = nn.Linear(SPEECH_HIDDEN, width)
        self.speech_newline, self.speech_begin, self.speech_end = (nn.Parameter(torch.zeros(width)) for _ in range(3))

    def forward(self, features: Tensor) -> Tensor:
        """[chunks, frames, speech_width] -> [chunks, frames // rate + 1, width]: every chunk ends in a newline."""
        kept = features[:, : features.shape[1] // self.rate * self.rate]
        x = self.linear2(F.relu(self.linear1(kept.unflatten(1, (-1, self.rate)).flatten(2))))
        return torch.cat([x, self.speech_newline.expand(len(x), 1, -1)], dim=1)

    def recording(self, rows: Tensor) -> Tensor:
        """The rows of all chunks of one recording, [chunks, frames // rate + 1, width] -> [tokens, width]."""
        return torch.cat([self.speech_begin[None], rows.flatten(0, 1), self.speech_end[None]])
