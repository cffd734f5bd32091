"""Every question that a drawn picture answers, with its answers.

It knows no pixels: the answers follow from what was drawn.
"""

from __future__ import annotations

import numpy as np

from training.world.chance import asked, pick
from training.world.pictures import Picture, Shape
from training.world.words import COLORS, NOWHERE, PLACES, SHAPES, Turn, in_words, listed, with_article

SINGLE, DOUBTS = 4, 4
"""How many questions of what shape, color or place one shape is, and of whether one is there at all, which takes much
longer to learn."""


def questions(picture: Picture, dice: np.random.Generator) -> list[Turn]:
    """What can be asked about the picture, in random order; a question about one shape names it uniquely."""
    if picture.number is not None:
        seen, counted = f"I see the number {picture.number}.", f"no shapes, only the number {picture.number}"
    else:
        count = len(picture.shapes)
        seen = f"I see {listed([with_article(shape.name) for shape in picture.shapes])}."
        counted = f"{in_words(count)} shape{'s' if count > 1 else ''}"
    verb = "is" if len(picture.shapes) == 1 else "are"
    turns = [
        Turn(asked(dice, "What do you see?", "What is in the image?", "What do you see in this picture?"), seen),
        Turn(asked(dice, "Describe the image.", "Describe the picture.", "Please describe this image."), seen),
        Turn(
            asked(dice, "How many shapes are there?", "How many shapes do you see?", "Count the shapes."),
            f"There {verb} {counted}.",
            (("count", len(picture.shapes)),),
        ),
    ]
    if picture.number is not None:
        question = asked(dice, "What number is written?", "Which number is written?", "What number do you see?")
        turns.append(Turn(question, f"The number {picture.number} is written."))
    elif dice.random() < 0.2:
        turns.append(Turn(asked(dice, "What number is written?", "Which number is written?"), "There is no number."))
    singles = _about_single_shapes(picture, dice)
    turns += [singles[index] for index in dice.permutation(len(singles))[:SINGLE]] + _whether_there(picture, dice)
    return [turns[index] for index in dice.permutation(len(turns))]


def _about_single_shapes(picture: Picture, dice: np.random.Generator) -> list[Turn]:
    height, width = picture.mask.shape
    kinds, colors = [shape.kind for shape in picture.shapes], [shape.color for shape in picture.shapes]
    names = [shape.name for shape in picture.shapes]
    turns: list[Turn] = []
    for shape in picture.shapes:
        kind, color, spot = shape.kind, shape.color, place(shape.x, shape.y, width, height)
        if kinds.count(kind) == 1:
            others = (f"Which color is the {kind}?", f"What colour is the {kind}?", f"What is the color of the {kind}?")
            turns.append(
                Turn(asked(dice, f"What color is the {kind}?", *others), f"The {kind} is {color}.", at(spot), kind)
            )
            if dice.random() < 0.15:
                turns.append(Turn(f"Where is the {kind}?", where(kind, spot), at(spot), kind))
        if colors.count(color) == 1:
            question = asked(dice, f"What shape is {color}?", f"Which shape is {color}?")
            turns.append(Turn(question, f"The {kind} is {color}.", at(spot), color))
        if names.count(shape.name) == 1:
            question = asked(dice, f"Where is the {shape.name}?", f"Where do you see the {shape.name}?")
            turns.append(Turn(question, where(shape.name, spot), at(spot), shape.name))
    return turns


def _whether_there(picture: Picture, dice: np.random.Generator) -> list[Turn]:
    """As many shapes that are there as others, and a kind and a color of each sort, which are learned first."""
    names = [shape.name for shape in picture.shapes]
    height, width = picture.mask.shape
    spots: dict[str, str] = {}
    for shape in picture.shapes:
        spot = place(shape.x, shape.y, width, height)
        spots |= {shape.name: spot, shape.kind: spot, f"{shape.color} shape": spot}
    there = list(dict.fromkeys(names[index] for index in dice.permutation(len(names))))
    asking = dict.fromkeys(there[: DOUBTS // 2], True)
    for _ in range(len(asking) or int(dice.random() < 0.5)):
        asking.setdefault(_absent(picture.shapes, dice), False)
    if picture.shapes:
        for every, shown, named in (
            (SHAPES, {shape.kind for shape in picture.shapes}, "{}"),
            (tuple(COLORS), {shape.color for shape in picture.shapes}, "{} shape"),
        ):
            others = [one for one in every if one not in shown]
            asking[named.format(pick(dice, sorted(shown)))] = True
            if others:
                asking[named.format(pick(dice, others))] = False
    turns: list[Turn] = []
    for name, is_there in asking.items():
        thing = with_article(name)
        question = asked(dice, f"Is there {thing}?", f"Is there {thing} in the picture?", f"Do you see {thing}?")
        finds = at(spots[name]) if name in spots else (("found", NOWHERE),)
        answer = f"Yes, there is {thing}." if is_there else f"No, there is no {name}."
        turns.append(Turn(question, answer, finds, name))
    return turns


def _absent(shapes: tuple[Shape, ...], dice: np.random.Generator) -> str:
    names = {shape.name for shape in shapes}
    while True:
        kind, color, alike = pick(dice, SHAPES), pick(dice, tuple(COLORS)), dice.random()
        if shapes:
            near = shapes[int(dice.integers(len(shapes)))]
            kind = near.kind if alike < 0.25 else kind
            color = near.color if 0.25 <= alike < 0.5 else color
        if f"{color} {kind}" not in names:
            return f"{color} {kind}"


def place(x: float, y: float, width: int, height: int) -> str:
    """Which third of the picture a point is in."""
    return PLACES[3 * min(2, int(3 * y / height)) + min(2, int(3 * x / width))]


def at(spot: str) -> tuple[tuple[str, int], ...]:
    return (("found", 1 + PLACES.index(spot)),)


def where(thing: str, spot: str) -> str:
    """`The red circle is at the top left.`"""
    return f"The {thing} is at the {spot}."
