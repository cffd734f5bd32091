"""The paper's progressive modality alignment (arXiv 2502.04328): text and images, then video, then sound.

Each stage begins by training only the connector of the new modality, with everything else frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from engine.model.plain import PlainOla
from training.loop import Job, Parts
from training.rows import FEATURE, UNLABELLED, Batch, Heard, Rows, Seen, Watched
from training.sketch import Sketch, Sketcher
from training.tasks import World
from training.thin import hear


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many examples of each task one step sees; tasks are batched apart, because their lengths differ."""

    world: World
    counts: dict[str, int]
    """Names of the methods of `World`."""

    def batch(self, rows: Rows, dice: np.random.Generator) -> dict[str, list[Batch]]:
        drawn = {task: [getattr(self.world, task)(dice) for _ in range(count)] for task, count in self.counts.items()}
        return {task: rows.batches(examples, dice) for task, examples in drawn.items()}


class Aligning(nn.Module):
    """Ola as it is trained: next-token loss on the answers."""

    def __init__(self, model: PlainOla) -> None:
        super().__init__()
        self.model = model
        self.sketcher = Sketcher(model.backbone.config.hidden_size)

    def losses(self, batches: dict[str, list[Batch]]) -> Parts:
        """Means over the tokens of each task, which all count alike."""
        means = {}
        for task, parts in batches.items():
            tokens = sum(int((part.labels != UNLABELLED).sum()) for part in parts)
            means[task] = torch.stack([self.loss(part) for part in parts]).sum() / tokens / len(batches)
        return means

    def loss(self, batch: Batch) -> Tensor:
        """Sum over the labelled rows."""
        labels = batch.labels[batch.labels != UNLABELLED]
        return F.cross_entropy(self.logits(batch).float(), labels, reduction="sum")

    def logits(self, batch: Batch) -> Tensor:
        """What should follow each labelled row: [labelled rows, vocabulary]."""
        rows = self.embedded(batch)
        mask = causal(batch.weights).to(rows.dtype)
        backbone: Any = self.model.backbone
        hidden = backbone.model(inputs_embeds=rows, attention_mask=mask, position_ids=batch.positions, use_cache=False)
        logits: Tensor = backbone.lm_head(hidden.last_hidden_state[batch.labels != UNLABELLED])
        return logits

    def embedded(self, batch: Batch) -> Tensor:
        """Rows of the language model's input: [examples, rows, width]."""
        rows: Tensor = self.model.backbone.get_input_embeddings()(batch.ids.clamp(min=0))
        if not batch.kinds:
            return rows
        sketches = [self.sketcher(codes) for codes in batch.sketches]
        made = {
            Seen: self.pictures(batch),
            Watched: self.videos(batch),
            Heard: self.recordings(batch),
            Sketch: sketches,
        }
        features = {kind.__name__: rows for kind, rows in made.items()}
        inserted = torch.cat([features[kind].pop(0) for kind in batch.kinds])
        return rows.masked_scatter((batch.ids == FEATURE)[..., None], inserted.to(rows.dtype))

    def pictures(self, batch: Batch) -> list[Tensor]:
        return self.model.vision.images(batch.pictures) if batch.pictures else []

    def videos(self, batch: Batch) -> list[Tensor]:
        return self.model.vision.videos(batch.videos) if batch.videos else []

    def recordings(self, batch: Batch) -> list[Tensor]:
        if not len(batch.waves):
            return []
        hearing = self.model.hearing
        assert hearing is not None
        projector = hearing.projector
        rows = projector(hear(hearing, batch.waves, batch.tail))
        begin, end = projector.speech_begin.expand(len(rows), 1, -1), projector.speech_end.expand(len(rows), 1, -1)
        return list(torch.cat([begin, rows, end], dim=1))


def causal(weights: Tensor) -> Tensor:
    """Attention mask [examples, 1, rows, rows] of rows that stand for several: what is added to their logits."""
    length = weights.shape[1]
    past = torch.full((length, length), float("-inf"), device=weights.device).triu(1)
    return (weights[:, None, :] + past)[:, None]


class Course:
    """The stages as jobs. `scale` shortens all of them alike."""

    def __init__(self, model: PlainOla, tokenizer: PreTrainedTokenizerBase, bank: Any, scale: float = 1.0) -> None:
        self.module, self.rows, self._scale = Aligning(model), Rows(tokenizer), scale
        self._model, self._world = model, World(bank)

    def jobs(self) -> list[Job]:
        """In their order; each goes on from the one before."""
        model = self._model
        vision, hearing, language = model.vision, model.hearing, model.backbone
        assert hearing is not None
        see, speak = vision.projector, hearing.projector
        talk, images = {"text": 22, "described": 8}, {"text": 8, "picture": 4}
        videos = {"text": 5, "picture": 2, "video": 3}
        everything = {
            "text": 4,
            "picture": 2,
            "video": 1,
            "transcription": 8,
            "spoken_question": 6,
            "sound": 5,
            "picture_and_speech": 2,
            "video_with_sound": 2,
        }
        return [
            # The released model begins with a language model that others trained.
            self._job("language", 1_500, 2e-3, talk, (language,)),
            self._job("stage-1-connector", 120, 2e-3, images, (see,)),
            self._job("stage-1", 1_000, 8e-4, images, (vision, language)),
            self._job("stage-2", 600, 1e-3, videos, (see, language)),
            self._job("stage-3-connector", 120, 2e-3, {"transcription": 16}, (speak,)),
            self._job("stage-3", 1_800, 1e-3, everything, (see, speak, language)),
        ]

    def _job(
        self,
        name: str,
        steps: int,
        rate: float,
        counts: dict[str, int],
        trained: tuple[nn.Module, ...],
    ) -> Job:
        batch = partial(Mixture(self._world, counts).batch, self.rows)
        return Job(
            name, max(1, round(steps * self._scale)), rate, batch, self.module.losses, trained, seed=len(name) + 10
        )
