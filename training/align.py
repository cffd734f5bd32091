"""The paper's progressive modality alignment (arXiv 2502.04328): text and images, then video, then sound.

Stages 1 and 3 begin by training only the connector of the new modality, with everything else frozen; video has none of
its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from engine.model.plain import PlainOla
from training.loop import Job, Parts
from training.rows import FEATURE, UNLABELLED, Batch, Example, Heard, Rows, Seen, Watched
from training.sketch import PROBES, UNASKED, Sketch, Sketcher
from training.tasks import World
from training.thin import Tail, hear
from training.world.speech import Bank

PROBED, PROBED_LAYERS = 0.15, (4, 6)
"""How much the probes count, and after how many layers they look: at the row before an answer later than at others."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many examples of each task one step sees; tasks are batched apart, because their lengths differ."""

    world: World
    counts: dict[str, int]
    """By names of methods of `World`; behind `sketched` their examples are sketches."""

    def batch(self, rows: Rows, dice: np.random.Generator) -> dict[str, list[Batch]]:
        drawn = {task: [self._example(task, dice) for _ in range(count)] for task, count in self.counts.items()}
        return {task: rows.batches(examples, dice) for task, examples in drawn.items()}

    def _example(self, task: str, dice: np.random.Generator) -> Example:
        *sketched, name = task.split()
        world = replace(self.world, sketched=bool(sketched))
        example: Example = getattr(world, name)(dice)
        return example


class Aligning(nn.Module):
    """Ola as it is trained: next-token loss on the answers."""

    def __init__(self, model: PlainOla) -> None:
        super().__init__()
        self.model = model
        width = model.backbone.config.hidden_size
        self.sketcher = Sketcher(width)
        self.probes = nn.Linear(width, sum(PROBES.values()))

    def losses(self, batches: dict[str, list[Batch]]) -> Parts:
        """Means over the tokens of each task, which all count alike; and over those of each probe."""
        means, probed = {}, torch.zeros(2, len(PROBES), device=self.probes.weight.device)
        for task, parts in batches.items():
            tokens = sum(int((part.labels != UNLABELLED).sum()) for part in parts)
            losses = []
            for part in parts:
                logits, probes = self.logits(part)
                losses.append(F.cross_entropy(logits.float(), part.labels[part.labels != UNLABELLED], reduction="sum"))
                probed = probed + self.probed(probes, part.probes)
            means[task] = torch.stack(losses).sum() / tokens / len(batches)
        return means | {"probes": PROBED * (probed[0] / probed[1].clamp(min=1)).sum()}

    def logits(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What should follow each labelled row `[labelled rows, vocabulary]`, and what probes see of all rows."""
        rows = self.embedded(batch)
        mask = causal(batch.weights, batch.parts).to(rows.dtype)
        backbone: Any = self.model.backbone
        made = backbone.model(
            inputs_embeds=rows,
            attention_mask=mask,
            position_ids=batch.positions,
            use_cache=False,
            output_hidden_states=True,
        )
        logits: Tensor = backbone.lm_head(made.last_hidden_state[batch.labels != UNLABELLED])
        seen, said = (made.hidden_states[layer] for layer in PROBED_LAYERS)
        return logits, torch.where((batch.labels == UNLABELLED)[..., None], seen, said)

    def probed(self, rows: Tensor, answers: Tensor) -> Tensor:
        """Sums of the losses of what rows are asked, and how many answers those are: [2, PROBES]."""
        asked = (answers != UNASKED).any(-1)
        if not asked.any():
            return torch.zeros(2, len(PROBES), device=rows.device)
        logits = self.probes(F.rms_norm(rows[asked], rows.shape[-1:])).float().split(list(PROBES.values()), dim=1)
        losses = [
            F.cross_entropy(guess, truth, ignore_index=UNASKED, reduction="sum")
            for guess, truth in zip(logits, answers[asked].T, strict=True)
        ]
        return torch.stack([torch.stack(losses), (answers != UNASKED).flatten(0, 1).sum(0)])

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
        given = [features[kind].pop(0) for kind in batch.kinds]
        inserted = torch.cat([rows if k is None else rows[k] for rows, k in zip(given, batch.kept, strict=True)])
        return rows.masked_scatter((batch.ids == FEATURE)[..., None], inserted.to(rows.dtype))

    def pictures(self, batch: Batch) -> list[Tensor]:
        return self.model.vision.images(batch.pictures) if batch.pictures else []

    def videos(self, batch: Batch) -> list[Tensor]:
        return self.model.vision.videos(batch.videos) if batch.videos else []

    def recordings(self, batch: Batch) -> list[Tensor]:
        return self.heard(batch.waves, batch.tail) if len(batch.waves) else []

    def heard(self, waves: Tensor, tail: Tail | None) -> list[Tensor]:
        """Rows of recordings `[n, CHUNK_SAMPLES]`, thinned."""
        hearing = self.model.hearing
        assert hearing is not None
        projector = hearing.projector
        rows = projector(hear(hearing, waves, tail))
        begin, end = projector.speech_begin.expand(len(rows), 1, -1), projector.speech_end.expand(len(rows), 1, -1)
        return list(torch.cat([begin, rows, end], dim=1))


def causal(weights: Tensor, parts: Tensor) -> Tensor:
    """Attention mask [examples, 1, rows, rows]: what is added to the logits of rows that stand for several.

    Rows see what is before them in their own part and in part 0.
    """
    never = float("-inf")
    length = weights.shape[1]
    past = torch.full((length, length), never, device=weights.device).triu(1)
    apart = (parts[:, None, :] != parts[:, :, None]) & (parts[:, None, :] > 0)
    return ((weights[:, None, :] + past).masked_fill(apart, never))[:, None]


class Course:
    """The language model's own training and the stages, as jobs.

    `scale` shortens all of them alike; each of `shares` processes sees that part of every batch.
    """

    def __init__(
        self, model: PlainOla, tokenizer: PreTrainedTokenizerBase, bank: Bank, scale: float = 1.0, shares: int = 1
    ) -> None:
        self.module, self.rows, self._scale, self._shares = Aligning(model), Rows(tokenizer), scale, shares
        self._model, self._world = model, World(bank)

    def language(self) -> Job:
        """The released model begins with a language model that others trained; ours learns to talk here."""
        return self._job(
            "language", 1_500, 2e-3, {"text": 22, "described": 8}, (self._model.backbone, self.module.probes), 18
        )

    def sketches(self) -> Job:
        """What can be asked about pictures, clips and recordings, before any is seen or heard."""
        counts = {
            "text": 4,
            "sketched picture": 24,
            "sketched video": 8,
            "sketched transcription": 4,
            "sketched spoken_question": 2,
            "sketched sound": 2,
            "sketched picture_and_speech": 8,
            "sketched video_with_sound": 10,
        }
        return self._job("sketches", 1_700, 6e-4, counts, (self._model.backbone, self.module.probes), 19)

    def stages(self) -> list[Job]:
        """In their order; each goes on from the one before."""
        model = self._model
        vision, hearing, language = model.vision, model.hearing, model.backbone
        assert hearing is not None
        see, speak, probes = vision.projector, hearing.projector, self.module.probes
        # Sketches go on beside the real inputs: they cost little.
        images = {"text": 4, "picture": 6, "sketched picture": 6, "sketched video": 2}
        videos = {"text": 4, "picture": 4, "video": 4, "sketched picture": 4, "sketched video": 2}
        everything = {
            "text": 2,
            "picture": 8,
            "number": 4,
            "video": 2,
            "voice": 4,
            "transcription": 4,
            "spoken_question": 2,
            "sound": 4,
            "picture_and_speech": 8,
            "video_with_sound": 6,
            "sketched picture": 2,
            "sketched video_with_sound": 2,
        }
        return [
            self._job("stage-1-connector", 60, 1e-3, {"picture": 12}, (see,), 27),
            self._job("stage-1", 400, 6e-4, images, (vision, language, probes), 28),
            self._job("stage-2", 350, 6e-4, videos, (see, language, probes), 29),
            self._job("stage-3-connector", 60, 1e-3, {"transcription": 16}, (speak,), 30),
            self._job("stage-3", 900, 4e-4, everything, (see, speak, language, probes), 31),
        ]

    def _job(
        self,
        name: str,
        steps: int,
        rate: float,
        counts: dict[str, int],
        trained: tuple[nn.Module, ...],
        seed: int,
    ) -> Job:
        shared = {task: max(1, round(count / self._shares)) for task, count in counts.items()}
        batch = partial(Mixture(self._world, shared).batch, self.rows)
        return Job(name, max(1, round(steps * self._scale)), rate, batch, self.module.losses, trained, seed)
