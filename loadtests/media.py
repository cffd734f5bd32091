"""Attachments as the gateway decodes them: a small picture's latency, an hour of video against plain ffmpeg."""

from __future__ import annotations

import asyncio
import base64
import io
import resource
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import ffmpeg
import numpy as np
from PIL import Image

from engine.preprocess import FITS
from loadtests.figures import percentile
from loadtests.report import milliseconds, table
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from server.media.sources import Feed

MINUTES = 60
PICTURES = 100
SECONDS = 750
"""Of sound, since the model hears no more."""

FRAMES = 25 * 60 * MINUTES


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took. Processor time and peak memory are of all processes that it used."""

    what: str
    seconds: float
    cpu: float
    peak_bytes: int
    gateway_bytes: int = 0
    """By how much this process grew meanwhile."""


def report(*, markdown: bool) -> str:
    """Two tables."""
    with TemporaryDirectory(prefix="ola-bench-") as folder:
        hour = video(Path(folder))
        costs = [asyncio.run(ours(hour)), plain(hour)]
        size = hour.stat().st_size / 2**20
    rows = [
        [cost.what, f"{cost.seconds:.1f}", f"{cost.cpu:.1f}", mebibytes(cost.peak_bytes), mebibytes(cost.gateway_bytes)]
        for cost in costs
    ]
    header = ["an hour of 1080p", "s", "CPU s", "peak MiB", "of it in the gateway"]
    return (
        f"{size:.0f} MiB of H.264 and AAC; 64 frames, and {SECONDS} s of sound\n\n{table(header, rows, markdown)}\n\n"
        f"{table(['picture', 'p50 ms', 'p90 ms', 'again, p50 ms'], asyncio.run(pictures()), markdown)}"
    )


def video(folder: Path) -> Path:
    """An hour of 1080p with sound: a minute, sixty times."""
    minute, names, hour = folder / "minute.mp4", folder / "names", folder / "hour.mp4"
    shown = ffmpeg.input("testsrc2=size=1920x1080:rate=25:duration=60", format="lavfi")
    heard = ffmpeg.input("sine=sample_rate=48000:duration=60", format="lavfi")
    pictures, sound = {"c:v": "libx264", "preset": "veryfast", "crf": 28, "pix_fmt": "yuv420p"}, {"c:a": "aac"}
    ffmpeg.output(shown, heard, str(minute), **pictures, **sound, audio_bitrate="96k").run(quiet=True)
    names.write_text("file minute.mp4\n" * MINUTES)
    ffmpeg.input(str(names), format="concat").output(str(hour), c="copy").run(quiet=True)
    return hour


async def ours(hour: Path) -> Cost:
    """Through the gateway's own way in, as if it had been fetched from a URL."""

    async def fetch(_: str, feed: Feed) -> None:
        with hour.open("rb") as file:
            while piece := file.read(1 << 16):
                await feed(piece)

    part = {"type": "video_url", "video_url": {"url": "https://files.test/hour.mp4"}}
    async with Attachments(MediaLimits(decode_seconds=600), fetch, FITS) as attachments:
        return await measured(
            "ours, fetched to disk and decoded",
            lambda: attachments.decode([{"role": "user", "content": [part]}]),
            attachments.processes,
        )


async def measured(what: str, work: Callable[[], Awaitable[Any]], processes: Callable[[], list[int]]) -> Cost:
    before, started = resident(Path("/proc/self")), perf_counter()
    cpu = cpu_of(resource.RUSAGE_SELF)
    with watching(processes) as peaks:
        result = await work()
        seconds = perf_counter() - started
    del result
    grown = peaks.mine - before
    used = cpu_of(resource.RUSAGE_SELF) - cpu + peaks.cpu
    return Cost(what, seconds, used, peaks.theirs + grown, grown)


@dataclass(slots=True)
class Peaks:
    """What was seen of processes beside this one, and how large this one was at most."""

    theirs: int = 0
    mine: int = 0
    cpu: float = 0


@contextmanager
def watching(processes: Callable[[], list[int]]) -> Iterator[Peaks]:
    """Look at `processes` and at this one until the block is left."""
    peaks = Peaks()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            found = [Path(f"/proc/{process}") for process in processes()]
            peaks.theirs = max(peaks.theirs, sum(map(resident, found)))
            peaks.mine = max(peaks.mine, resident(Path("/proc/self")))
            peaks.cpu = max(peaks.cpu, sum(map(processor, found)))

    thread = threading.Thread(target=watch, name="watch")
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def resident(process: Path) -> int:
    try:
        return int((process / "statm").read_text().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def processor(process: Path) -> float:
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return (int(fields[11]) + int(fields[12])) / 100


def plain(hour: Path) -> Cost:
    """ffmpeg, told to do the same: the frames out of all frames, and the beginning of the sound."""
    wanted = "+".join(f"eq(n,{index})" for index in np.unique(np.linspace(0, FRAMES - 1, 64, dtype=int)))
    opened = ffmpeg.input(str(hour))
    raw = {"format": "rawvideo", "pix_fmt": "rgb24", "fps_mode": "passthrough"}
    frames = opened.video.filter("select", wanted).output("/dev/null", **raw)
    sound = opened.audio.output("/dev/null", t=SECONDS, ac=1, ar=16_000, format="f32le")
    command = ffmpeg.merge_outputs(frames, sound).overwrite_output().global_args("-v", "error", "-nostdin").compile()
    return run("ffmpeg, select and sound", command)


def run(what: str, command: list[str]) -> Cost:
    before, started = cpu_of(resource.RUSAGE_CHILDREN), perf_counter()
    with subprocess.Popen(command) as process, watching(lambda: [process.pid]) as peaks:
        status = process.wait()
    assert status == 0
    seconds = perf_counter() - started
    return Cost(what, seconds, cpu_of(resource.RUSAGE_CHILDREN) - before, peaks.theirs)


def cpu_of(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


async def pictures() -> list[list[str]]:
    """Pictures one after the other, each a new one, and then once more when they are kept."""
    rows = []
    async with Attachments(MediaLimits(), fits=FITS) as attachments:
        for side in (32, 64, 512):
            files = [picture(side, seed) for seed in range(PICTURES + 1)]
            waits = [await timed(attachments, data) for data in files][1:]
            again = [await timed(attachments, data) for data in files[1:]]
            name = f"PNG {side}x{side}"
            rows.append([name, *(milliseconds(wait) for wait in (median(waits), percentile(waits, 90), median(again)))])
    return rows


def picture(side: int, seed: int) -> str:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


async def timed(attachments: Attachments, url: str) -> float:
    started = perf_counter()
    await attachments.decode([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
    return perf_counter() - started


def mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f}" if size else ""
