"""A small file of every format that is promised, for tests that decode, damage or time them."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image as Pillow

from server.media.job import Kind
from tests.media.samples import TONE, made, pictures

IMAGES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP", "tiff": "TIFF", "avif": "AVIF"}
SOUNDS: dict[str, tuple[str, ...]] = {
    "wav": (),
    "mp3": (),
    "flac": (),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus"),
    "m4a": ("-c:a", "aac"),
    "aac": (),
    "webm": ("-c:a", "libopus"),
}
VIDEOS: dict[str, tuple[str, ...]] = {
    "mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p"),
    "mov": ("-c:v", "libx265", "-x265-params", "log-level=none"),
    "mkv": ("-c:v", "libx264"),
    "webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime"),
    "avi": ("-c:v", "mpeg4"),
    "ts": ("-c:v", "mpeg2video"),
    "flv": ("-c:v", "flv"),
}
NAMES: list[tuple[Kind, str]] = [
    *(("image", name) for name in IMAGES),
    *(("sound", name) for name in SOUNDS),
    *(("video", name) for name in VIDEOS),
]


@cache
def sample(kind: Kind, name: str) -> bytes:
    """A picture of 40 by 30 pixels, half a second of sound, or a second of both."""
    if kind == "image":
        file = io.BytesIO()
        pixels = np.stack(np.broadcast_arrays(np.arange(30)[:, None] * 8, np.arange(40) * 6, 128), axis=2)
        Pillow.fromarray(pixels.astype(np.uint8)).save(file, IMAGES[name])
        return file.getvalue()
    with TemporaryDirectory() as folder:
        path = Path(folder, f"sample.{name}")
        if kind == "sound":
            return made(path, *TONE, "-t", "0.5", *SOUNDS[name])
        return made(path, *pictures("64x48"), *TONE, *VIDEOS[name])
