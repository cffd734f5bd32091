"""`make train`: the demo model from seeds, resumed where it was killed.

The encoders and the language model are pre-trained side by side, a core each, and so are the beginnings of the
connectors; the language model's sketches and the stages come one after the other, each trained by a team of processes
(`training.team`). All that a run leaves behind lies in one folder; delete it to begin anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import nn
from torch.distributed import is_torchelastic_launched
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from engine.model.plain import PlainOla
from engine.model.senses import Hearing, Vision
from training.align import Course
from training.connect import Connecting
from training.curves import draw
from training.export import beneath, write
from training.hearing import listening, tagging
from training.loop import Job, Run, TrainingError
from training.seeing import local_start, looking
from training.showcase import write_showcase
from training.sizes import Sizes
from training.spoken import training_bank
from training.team import end_with_parent, joined, start_team
from training.vocabulary import CONTROL, load_tokenizer, write_tokenizer
from training.world.speech import Bank, SpeechError

WORK, DEMO = Path("build/train"), Path("models/ola-demo")
STEPS = {"looking": 4_500, "listening": 3_100, "tagging": 3_400, "see": 1_700, "hear": 1_700}
"""Of the encoders' own training and of the connectors' beginnings."""
PARTS = (("language", "looking", "listening", "tagging"), ("see", "hear"), ("sketches",), ("stages",))
"""What needs nothing of each other, the longest first, and what needs those; a team works at what is alone."""
TEAM = 2
"""Processes in a team, where there is no GPU."""
ENCODERS = ("looking", "listening", "tagging")


class Training:
    """One run in the folder `work`. `scale` shortens every job alike; `row` is that of the progress bar."""

    def __init__(self, work: Path, scale: float = 1.0, row: int = 0) -> None:
        self._work, self._scale, self._team, self._row = work, scale, joined(), row
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def prepare(self) -> None:
        """Speak the sentences and learn the tokenizer."""
        training_bank(self._speech, spoken_so_far, self._scale)
        if not (self._words / "tokenizer_config.json").exists():
            write_tokenizer(self._words)

    def part(self, name: str) -> None:
        """Train one of PARTS."""
        if name == "stages":
            self.stages()
            return
        steps = self._steps(name)
        if name in ENCODERS:
            self._run(*self._encoder(name, steps))
            return
        if name == "language":
            course = self._course()
            self._run(course.language(), course.module)
            return
        course = self._reading()
        if name == "sketches":
            self._run(course.sketches(), course.module)
            return
        connecting = Connecting(course.module, Bank(self._speech))
        if name == "see":
            self._take_eyes(course.module.model)
            self._run(connecting.see(steps), course.module)
        else:
            self._take_ears(course.module.model)
            self._run(connecting.hear(steps), course.module)

    def stages(self) -> PlainOla:
        """Align the modalities, each stage going on from the one before; stages that are done are loaded."""
        course = self._connected()
        for job in course.stages():
            self._run(job, course.module)
        return course.module.model.cpu()

    def export(self, model: PlainOla, folder: Path) -> None:
        write(folder, model, Sizes(), load_tokenizer(self._words), self._words)
        write_showcase(folder / "examples", self._work)

    @property
    def _speech(self) -> Path:
        return self._work / "speech"

    @property
    def _words(self) -> Path:
        return self._work / "tokenizer"

    def _run(self, job: Job, module: nn.Module) -> None:
        Run(job, module.to(self._device), self._work, self._device, self._team, self._row).finish()

    def _course(self) -> Course:
        tokenizer = load_tokenizer(self._words)
        torch.manual_seed(len(ENCODERS))
        specials = {text: int(tokenizer.convert_tokens_to_ids(text)) for text in CONTROL}
        model = PlainOla(Sizes().config(len(tokenizer), specials))
        initialise(model)
        return Course(model, tokenizer, Bank(self._speech), self._scale, self._team.size)

    def _steps(self, name: str) -> int:
        return max(1, round(STEPS.get(name, 0) * self._scale))

    def _encoder(self, name: str, steps: int) -> tuple[Job, nn.Module]:
        torch.manual_seed(ENCODERS.index(name))
        config = Sizes().config(1, {"<|endoftext|>": 0, "<|im_end|>": 0})
        if name == "looking":
            vision = Vision(config)
            initialise(vision)
            local_start(vision.tower)
            return looking(vision, steps)
        hearing, bank = Hearing(config), Bank(self._speech)
        initialise(hearing)
        return listening(hearing, bank, steps) if name == "listening" else tagging(hearing, bank, steps)

    def _reading(self) -> Course:
        """With the language model that can talk, whose words the sketches say."""
        course = self._course()
        backbone = course.module.model.backbone
        self._take("language", "model.backbone.", backbone)
        self._take("language", "probes.", course.module.probes)
        course.module.sketcher.take_words(backbone.get_input_embeddings().weight, load_tokenizer(self._words))
        return course

    def _connected(self) -> Course:
        """Every part as it was pre-trained."""
        course = self._reading()
        model = course.module.model
        assert model.hearing is not None
        self._take("sketches", "model.backbone.", model.backbone)
        self._take("sketches", "probes.", course.module.probes)
        self._take_eyes(model)
        self._take_ears(model)
        self._take("see", "model.vision.projector.", model.vision.projector)
        self._take("hear", "model.hearing.projector.", model.hearing.projector)
        return course

    def _take_eyes(self, model: PlainOla) -> None:
        self._take("looking", "tower.", model.vision.tower)

    def _take_ears(self, model: PlainOla) -> None:
        assert model.hearing is not None
        assert model.hearing.beats is not None
        self._take("listening", "hearing.whisper.", model.hearing.whisper)
        self._take("tagging", "hearing.beats.", model.hearing.beats)

    def _take(self, name: str, prefix: str, module: nn.Module) -> None:
        """What a finished job has made of a module that it calls `prefix`."""
        state = torch.load(self._work / f"{name}.done.pt", map_location=self._device, weights_only=True)
        module.load_state_dict(beneath(state["model"], prefix))


def initialise(model: nn.Module) -> None:
    """What the modules leave at zero, because serving loads it."""
    tables = ("pos_embed", "positional_embedding", "relative_attention_bias.weight")
    marks = ("_newline", "_begin", "_end", "image_sep")
    for name, parameter in model.named_parameters():
        if name.endswith((*tables, *marks)):
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith("weight_v"):
            nn.init.normal_(parameter, std=0.05)


def spoken_so_far(done: int, total: int) -> None:
    print(f"\rspeaking: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def side_by_side(parts: tuple[str, ...], options: argparse.Namespace) -> None:
    """Each part in a process of its own, as many at once as there are cores.

    Raises:
        CalledProcessError: one of them failed; the others have come to their ends.
    """
    cores = os.cpu_count() or 1
    environment = os.environ | {"OMP_NUM_THREADS": str(max(1, cores // max(TEAM, len(parts))))}
    program = [sys.executable, "-m", "training.train", "--work", str(options.work), "--scale", str(options.scale)]
    with ThreadPoolExecutor(min(cores, len(parts))) as pool:
        running = [
            pool.submit(subprocess.run, [*program, "--part", part, "--row", str(row)], check=True, env=environment)
            for row, part in enumerate(parts)
        ]
        for one in running:
            one.result()


def alone_or_in_a_team(options: argparse.Namespace) -> None:
    """Train one part; one that nothing else is trained beside, by a team."""
    end_with_parent()
    in_a_team = is_torchelastic_launched()
    if (options.part,) in PARTS and not in_a_team and not torch.cuda.is_available():
        start_team(TEAM, "training.train", sys.argv[1:])
    else:
        Training(options.work, options.scale, options.row).part(options.part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, help=f"where the run keeps its state; {WORK}, shortened {WORK}-SCALE")
    parser.add_argument("--out", type=Path, help=f"where the checkpoint goes; {DEMO}, shortened WORK/{DEMO.name}")
    parser.add_argument("--scale", type=float, default=1.0, help="length of every job, as a part of the full one")
    parser.add_argument("--part", choices=[part for parts in PARTS for part in parts], help="train this alone")
    parser.add_argument("--row", type=int, default=0, help="of the progress bar")
    options = parser.parse_args()
    whole = options.scale == 1
    options.work = options.work or (WORK if whole else WORK.with_name(f"{WORK.name}-{options.scale:g}"))
    options.out = options.out or (DEMO if whole else options.work / DEMO.name)
    try:
        if options.part:
            alone_or_in_a_team(options)
        else:
            train(options)
    except (TrainingError, SpeechError) as error:
        sys.exit(f"make train: {error}")
    except (subprocess.CalledProcessError, ChildFailedError) as error:
        sys.exit(f"make train: a part has failed, see above; what is done is kept ({type(error).__name__})")


def train(options: argparse.Namespace) -> None:
    """All parts, then the checkpoint."""
    training = Training(options.work, options.scale)
    training.prepare()
    for parts in PARTS:
        side_by_side(parts, options)
        draw(options.work)
    training.export(training.stages(), options.out)


if __name__ == "__main__":
    main()
