"""Files that ffmpeg opens: where they lie while it does, what it may open them as, and which streams they hold."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import ffmpeg
from anyio import to_thread

from server.media.process import output_of

# Formats that hold their media themselves. Playlists (hls, concat, dash, ...) name other files, so they stay out.
_DEMUXERS = (
    "mov,matroska,avi,flv,mpegts,mpeg,mpegvideo,ogg,asf,mxf,gif,ivf,h264,hevc,m4v,"
    "wav,w64,aiff,au,caf,mp3,aac,flac,amr,ac3,eac3"
)
_INPUT_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _DEMUXERS}

_QUIET = ["-hide_banner", "-v", "error"]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The moving pictures of a file. `width` and `height` are those of the upright frame."""

    stream: int
    width: int
    height: int
    packets: int
    """Mostly the number of frames: a few codecs have packets that show nothing."""


@dataclass(frozen=True, slots=True)
class Container:
    pictures: Pictures | None
    sound: int | None
    """Index of the first sound stream."""
    seconds: float
    """As the file says; NaN if it does not."""


@asynccontextmanager
async def stored(data: bytes) -> AsyncIterator[Path]:
    """`data` as a file under a name of ours, removed on leaving. ffmpeg must seek: an mp4's index may be at its end."""
    with tempfile.TemporaryDirectory(prefix="ola-media-") as folder:
        path = Path(folder, "attachment")
        await to_thread.run_sync(path.write_bytes, data)
        yield path


def open_input(path: Path) -> Any:
    """An input node of ffmpeg-python that can open nothing but this file."""
    return ffmpeg.input(str(path), **_INPUT_OPTIONS)


def command(output: Any) -> list[str]:
    """The command line for an output node of ffmpeg-python."""
    arguments: list[str] = ffmpeg.compile(output, cmd=["ffmpeg", "-nostdin", *_QUIET])
    return arguments


async def probe(path: Path, seconds: float) -> Container:
    """What the file holds. Reads all of it to count packets; cancelling it kills ffprobe.

    Raises:
        ChildError: ffprobe cannot read it.
        MediaError: that takes longer than `seconds`.
    """
    # Not ffmpeg.probe(): it cannot be cancelled and leaves its child running after a timeout.
    options = [word for name, value in _INPUT_OPTIONS.items() for word in (f"-{name}", value)]
    report = ["-count_packets", "-show_streams", "-show_format", "-of", "json"]
    found = await output_of(["ffprobe", *_QUIET, *options, *report, str(path)], _json, seconds)
    streams = found.get("streams", [])
    return Container(
        pictures=next((_pictures(stream) for stream in streams if _moves(stream)), None),
        sound=next((stream["index"] for stream in streams if stream.get("codec_type") == "audio"), None),
        seconds=float(found.get("format", {}).get("duration", math.nan)),
    )


def _json(output: IO[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.read() or b"{}")
    return found


def _moves(stream: dict[str, Any]) -> bool:
    is_cover = stream.get("disposition", {}).get("attached_pic", 0)
    return stream.get("codec_type") == "video" and not is_cover


def _pictures(stream: dict[str, Any]) -> Pictures:
    width, height = int(stream.get("width", 0)), int(stream.get("height", 0))
    if _lies_on_its_side(stream):
        width, height = height, width
    return Pictures(stream["index"], width, height, int(stream.get("nb_read_packets", 0)))


def _lies_on_its_side(stream: dict[str, Any]) -> bool:
    turns = (float(data["rotation"]) for data in stream.get("side_data_list", []) if "rotation" in data)
    return abs(abs(next(turns, 0.0)) % 180 - 90) < 1  # as ffmpeg decides when to transpose
