"""Questions about a picture and the facts of their answers. A question about one shape names it uniquely."""

from __future__ import annotations

from random import Random

from PIL import Image

from tests.demo import facts, pictures
from tests.demo.facts import Fact
from tests.demo.pictures import Shape
from tests.demo.words import COLORS, SHAPES, with_article

KINDS = ("see", "describe", "count", "color", "shape", "where", "exists")
ROWS, COLUMNS = ("top", "", "bottom"), ("left", "", "right")

Asked = tuple[str, Fact, Image.Image]


def about_shapes(random: Random) -> Asked:
    """A question, its fact and the picture that it is about."""
    kind = random.choice(KINDS)
    asked = None
    while asked is None:
        width, height = pictures.size(random)
        behind = pictures.ground(random)
        shapes = pictures.scatter(random, random.randint(1, 5), width, height, behind)
        asked = ask(random, kind, shapes, (width, height))
    return *asked, pictures.draw(behind.pixels(width, height), shapes, random.choice((1, 4)))


def about_number(random: Random) -> Asked:
    """As many of one and two digits as of three."""
    value = random.choice((random.randint(0, 99), random.randint(100, 999)))
    return "What number is written?", facts.written(value), pictures.number(random, value)


def about_any(random: Random) -> Asked:
    return about_number(random) if random.random() < 1 / 8 else about_shapes(random)


def ask(random: Random, kind: str, shapes: list[Shape], size: tuple[int, int]) -> tuple[str, Fact] | None:
    """None where these shapes leave no such question."""
    match kind:
        case "see":
            return "What do you see?", facts.seen(shape.name for shape in shapes)
        case "describe":
            return "Describe the image.", facts.seen(shape.name for shape in shapes)
        case "count":
            return "How many shapes are there?", facts.how_many(len(shapes))
        case "exists":
            return exists(random, {shape.name for shape in shapes})
    keys = [named_by(kind, shape) for shape in shapes]
    unique = [shape for shape, key in zip(shapes, keys, strict=True) if keys.count(key) == 1]
    return about_one(kind, random.choice(unique), size) if unique else None


def named_by(kind: str, shape: Shape) -> tuple[str, ...]:
    """The words by which a question of this kind names a shape."""
    return {"color": (shape.kind,), "shape": (shape.color,), "where": shape.name}[kind]


def about_one(kind: str, shape: Shape, size: tuple[int, int]) -> tuple[str, Fact]:
    match kind:
        case "color":
            return f"What color is the {shape.kind}?", facts.only(shape.color, COLORS)
        case "shape":
            return f"What shape is {shape.color}?", facts.only(shape.kind, SHAPES)
        case _:
            return f"Where is the {shape.color} {shape.kind}?", facts.place(place(shape, size))


def place(shape: Shape, size: tuple[int, int]) -> str:
    row, column = ROWS[int(3 * shape.y / size[1])], COLUMNS[int(3 * shape.x / size[0])]
    return f"{row} {column}".strip() or "center"


def exists(random: Random, there: set[tuple[str, str]]) -> tuple[str, Fact]:
    """As often yes as no; every other no has the color or the shape of something that is there."""
    truth = random.random() < 0.5
    absent = {(color, kind) for color in COLORS for kind in SHAPES} - there
    color, kind = random.choice(sorted(there))
    near = {name for name in absent if color in name or kind in name}
    if not truth:
        color, kind = random.choice(sorted(near if random.random() < 0.5 else absent))
    return f"Is there {with_article(color)} {kind}?", facts.yes(truth)
