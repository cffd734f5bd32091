"""The yardstick: the served model's modules in plain PyTorch, one question at a time, in a process of its own.

Each line of its input is a job, each line of its output the seconds it took and the first answer's token ids.
Attachments are handed to it decoded, which a server has to do by itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import chain, groupby
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from engine.api import Attachment, Image, Sound
from engine.model.plain import PlainOla
from loadtests.questions import pixels, samples

Pieces = list[list[int] | Attachment]

ATTACHMENTS: dict[str, Callable[[int], Attachment]] = {
    "image": lambda number: Image(pixels(number), str(number)),
    "sound": lambda number: Sound(samples(number).astype(np.float32) / np.float32(32768), str(number)),
}


def measure(model: PlainOla, kind: str, numbers: list[int], prompt: list[int], tokens: int) -> dict[str, Any]:
    """Answer all questions. `prompt`: the ids of one of them as a server counts them, one for each embedded row."""
    questions = [pieces(prompt, ATTACHMENTS[kind](number)) for number in numbers]
    started = perf_counter()
    answers = [answer(model, question, tokens) for question in questions]
    return {"seconds": perf_counter() - started, "ids": answers[0]}


def answer(model: PlainOla, question: Pieces, tokens: int) -> list[int]:
    length = {"max_new_tokens": tokens, "min_new_tokens": tokens}
    return model.generate(model.embed(question), do_sample=False, repetition_penalty=1.0, pad_token_id=0, **length)


def pieces(prompt: list[int], attachment: Attachment) -> Pieces:
    """The prompt with the attachment in the place of its rows, the longest run of one id."""
    runs = [list(run) for _, run in groupby(prompt)]
    place = max(range(len(runs)), key=lambda index: len(runs[index]))
    return [[*chain(*runs[:place])], attachment, [*chain(*runs[place + 1 :])]]


def main() -> None:
    model = PlainOla.load(Path(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(measure(model, **json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
