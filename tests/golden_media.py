"""The golden set's media, decoded as the gateway decodes them, and each case as token ids and attachments."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import PIL.Image

from engine.api import Attachment, Image, Sound, Video
from server.media.job import Job
from server.media.sound import decode_sound
from server.media.video import decode_video
from tests import golden_set

VIDEO = Job("video", max_pixels=10**7, max_seconds=60, cpu_seconds=60, soundtrack=True)


@cache
def image(name: str) -> Image:
    """Opaque as the reference takes it: it drops the alpha channel (docs/reference.md, 3)."""
    with PIL.Image.open(golden_set.INPUTS / name) as picture:
        return Image(np.asarray(picture.convert("RGB")), name)


@cache
def sound(name: str) -> Sound:
    with (golden_set.INPUTS / name).open("rb") as file:
        [samples] = decode_sound(file.fileno(), np.empty)
    return Sound(samples, name)


@cache
def video(name: str) -> tuple[Video, Sound | None]:
    with (golden_set.INPUTS / name).open("rb") as file:
        frames, *tracks = decode_video(file.fileno(), VIDEO, np.empty)
    return Video(frames, name), Sound(tracks[0], f"{name} soundtrack") if tracks else None


def pieces(case: dict[str, Any]) -> list[list[int] | Attachment]:
    """A case's prompt: ids where it has text, attachments where it has rows of features."""
    return [piece(case, segment) for segment in case["segments"]]


def piece(case: dict[str, Any], segment: dict[str, Any]) -> list[int] | Attachment:
    match segment["type"]:
        case "text":
            ids: list[int] = segment["ids"]
            return ids
        case "image" if case["video"]:
            clip, _ = video(case["video"])
            # The published script feeds one frame (docs/reference.md, 4); `video64` cases have all.
            return clip if case["kind"].startswith("video64") else Video(clip.frames[:1], clip.digest)
        case "image":
            return image(case["image"])
        case _ if case["audio"]:
            return sound(case["audio"])
        case _ if case["kind"] == "video":
            # What the published script extracts, through 16 bits at 44.1 kHz: of a lossy track not what we decode.
            return sound(f"derived/{case['video'].removesuffix('.mp4')}.audio.flac")
        case _:
            track = video(case["video"])[1]
            assert track is not None
            return track
