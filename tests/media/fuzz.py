"""`python -m tests.media.fuzz`: damaged files of every format, as many as asked for, and what they cost.

Random bytes, cut ends, doubled stretches and extreme numbers in headers; the same ones in every run. Each must be
decoded or refused with a fixed text, in bounded time and memory.
"""

from __future__ import annotations

import argparse
import base64
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import anyio

from server.media.decoders import Decoders
from server.media.errors import MediaError
from server.media.job import Kind
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from tests.media.formats import NAMES, sample

EXTREMES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\x80", b"\0\1\0\0"]
LIMITS = MediaLimits(decode_seconds=60, kept_bytes=0)
FIELDS: dict[Kind, str] = {"image": "image_url", "sound": "audio_url", "video": "video_url"}
TEXTS = (
    "the image is damaged or of an unknown format.",
    "images with 32 bits per sample have no defined brightness; send 8 or 16 bits.",
    "the recording is damaged or of an unknown format.",
    "the recording holds no sound.",
    "the sound holds values that are not numbers.",
    "the video is damaged or of an unknown format.",
    "the video is damaged.",
    "the video holds no pictures.",
    "the attachment is damaged or of an unknown format.",
    "the video's sound is damaged or of an unknown format; \"audio\": false beside 'video_url' leaves it out.",
)
"""What a damaged file may be refused with, apart from the texts with a number in them (`NUMBERED`)."""
NUMBERED = (
    "a sample rate of ",
    "the image has more than ",
    "the video's frames have more than ",
    "the video is longer ",
)
COSTLY = ("decoding takes too ", "the attachments of a request may have ", "the video has too many frames.")


def mutants(data: bytes, number: int, seed: str) -> Iterator[bytes]:
    """`number` damaged copies of `data`."""
    chance = random.Random(seed)
    for _ in range(number):
        damaged = bytearray(data)
        match chance.randrange(5):
            case 0:
                for _ in range(chance.choice([1, 4, 30])):
                    damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            case 1:
                del damaged[chance.randrange(len(damaged)) :]
            case 2:
                place = chance.randrange(len(damaged))
                damaged[place:place] = damaged[place : place + chance.randrange(200)] * chance.choice([1, 50])
            case 3:
                place = chance.randrange(max(1, len(damaged) - 4))
                damaged[place : place + 4] = chance.choice(EXTREMES)
            case _:  # in what is most likely a header
                place = chance.randrange(min(600, len(damaged) - 4))
                damaged[place : place + 4] = chance.choice(EXTREMES)
        yield bytes(damaged) or b"\0"


@dataclass(slots=True)
class Costs:
    """What decoding some files came to."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    worst_seconds: float = 0
    peak_bytes: int = 0
    """The largest resident size of a decoder so far."""


async def attack(kind: Kind, files: Iterator[bytes], attachments: Attachments, decoders: Decoders) -> Costs:
    """Decode all `files`, one after the other.

    Raises:
        Exception: one of them brought forth anything but an attachment or a refusal as it should be.
    """
    costs = Costs()
    for data in files:
        part = {"type": FIELDS[kind], FIELDS[kind]: f"data:;base64,{base64.b64encode(data).decode()}"}
        started = perf_counter()
        try:
            await attachments.decode([{"role": "user", "content": [part]}])
            costs.accepted += 1
        except MediaError as error:
            check(error)
            costs.refused[error.why] += 1
        costs.worst_seconds = max(costs.worst_seconds, perf_counter() - started)
        costs.peak_bytes = max(costs.peak_bytes, *(peak_of(decoder.pid) for decoder in decoders.idle), 0)
    return costs


def check(error: MediaError) -> None:
    """It is one of the refusals that exist, which tell nothing of libraries and paths."""
    assert error.status in (400, 413), error
    assert error.why in TEXTS or error.why.startswith((*NUMBERED, *COSTLY)), error


def peak_of(process: int) -> int:
    """The most resident memory that a process ever had; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


async def run(number: int) -> None:
    decoders = Decoders(1)
    async with Attachments(LIMITS, decoders=decoders) as attachments:
        for kind, name in NAMES:
            costs = await attack(kind, mutants(sample(kind, name), number, f"{kind} {name}"), attachments, decoders)
            worst, peak = f"{costs.worst_seconds:5.2f} s", f"{costs.peak_bytes / 2**20:5.0f} MiB"
            print(f"{kind:6}{name:5} {costs.accepted:5} accepted {costs.refused.total():5} refused {worst} {peak}")
    await decoders.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.media.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=200, help="damaged files of each format (default: 200)")
    anyio.run(run, parser.parse_args().number)
