"""Three files that show what the demo model can do, with what to ask and what it should answer.

They lie beside the checkpoint; `ola serve` prints them as commands when it is ready.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from training.exam import mp4, png, wav
from training.hearing import surrounded
from training.vocabulary import write_json
from training.world import asking, clips, pictures
from training.world.speech import Bank
from training.world.words import DIRECTIONS

QUESTION, SAID = "What is three plus four?", "Look at the {color} {actor}."
SIZE = 360, 240


def write_showcase(folder: Path, bank: Bank) -> None:
    """A picture, a spoken question, a video with sound, and `examples.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(7)
    seen = next(p for p in iter(lambda: pictures.picture(dice, written=0, size=SIZE), None) if len(p.shapes) == 3)
    watched, text = moving(bank, dice)
    heard, voice = bank.find(QUESTION, dice), surrounded(bank.find(text, dice), dice)
    save(folder / "shapes.png", png(seen.pixels))
    save(folder / "question.wav", wav(heard.samples))
    save(folder / "clip.mp4", mp4(watched.frames, watched.seconds, voice.samples))
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


def moving(bank: Bank, dice: np.random.Generator) -> tuple[clips.Clip, str]:
    """A clip in which something moves, and a sentence of the bank that names it."""
    while True:
        clip = clips.clip(dice, largest=200)
        text = SAID.format(color=clip.color, actor=clip.actor)
        if clip.motion in DIRECTIONS and clip.seconds < 4 and text in bank:
            return clip, text


def save(path: Path, content: str) -> None:
    """`content`: base64, with or without the head of a data URI."""
    path.write_bytes(base64.b64decode(content.rsplit(",", 1)[-1]))
