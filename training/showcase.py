"""Three files that show what the demo model can do, with what to ask and what it should answer.

They lie beside the checkpoint; `ola serve` prints them as commands when it is ready.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from training.exam import mp4, png, wav
from training.vocabulary import write_json
from training.world import asking, clips, pictures
from training.world.speech import Bank, build
from training.world.words import DIRECTIONS

QUESTION, SAID = "What is three plus four?", "Look at the {color} {actor}."
SIZE, VOICE = (360, 240), "en-us+f3"


def write_showcase(folder: Path, work: Path) -> None:
    """A picture, a spoken question, a video with sound, and `examples.json`; `work` keeps what was spoken."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(7)
    seen = next(p for p in iter(lambda: pictures.picture(dice, written=0, size=SIZE), None) if len(p.shapes) == 3)
    watched = next(c for c in iter(lambda: clips.clip(dice, largest=200), None) if c.motion in DIRECTIONS)
    text = SAID.format(color=watched.color, actor=watched.actor)
    build(work / "showcase", [QUESTION, text], seed=7, voices=[VOICE])
    bank = Bank(work / "showcase")
    save(folder / "shapes.png", png(seen.pixels))
    save(folder / "question.wav", wav(bank[0].samples))
    save(folder / "clip.mp4", mp4(watched.frames, watched.seconds, bank[1].samples))
    picture_answer = next(t.answer for t in asking.questions(seen, dice) if t.answer.startswith("I see"))
    examples = [
        {"file": "shapes.png", "question": "What do you see?", "answer": picture_answer},
        {"file": "question.wav", "question": "", "answer": "Three plus four is seven."},
        {
            "file": "clip.mp4",
            "question": "Does the voice name the moving shape?",
            "answer": clips.names_question(watched, text).answer,
        },
    ]
    write_json(folder / "examples.json", examples)


def save(path: Path, content: str) -> None:
    """`content`: base64, with or without the head of a data URI."""
    path.write_bytes(base64.b64decode(content.rsplit(",", 1)[-1]))
