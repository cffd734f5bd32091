"""Sizes and pixels: from a picture, a clip or a recording to what the encoders take (docs/reference.md, 3 to 5).

Only NumPy and Pillow. The same geometry gives the number of prompt rows, so both are computed here and nowhere else.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.api import CHUNK_SECONDS, MAX_SOUND_SECONDS, SAMPLE_RATE, VIDEO_FRAMES, Fit

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]  # width, height, as Pillow has it

GREY = (127, 127, 127)
CELL = 32  # one row of the prompt stands for 32x32 pixels: 16x16 patches, pooled 2x2
MAX_AREA, LOW_AREA = 1536**2, 384**2
VIDEO_CELL, VIDEO_MAX_AREA, VIDEO_MIN_AREA = 64, 480**2, 288**2
FITS = {"image": Fit(MAX_AREA, CELL), "video": Fit(VIDEO_MAX_AREA, VIDEO_CELL)}
"""What may be done to large pictures before they come here. Doing it again changes nothing."""
CHUNK_SAMPLES = CHUNK_SECONDS * SAMPLE_RATE
MAX_SOUND_SAMPLES = MAX_SOUND_SECONDS * SAMPLE_RATE


def fitted(size: Size, area: int, cell: int, least: int) -> Size:
    """`size` scaled to `area`, both sides floored to multiples of `cell` but not below `least`."""
    scale = sqrt(area / (size[0] * size[1]))
    width, height = (max(least, cell * int(side * scale / cell)) for side in size)
    return width, height


def padded(size: Size, cell: int) -> Size:
    return cell * ceil(size[0] / cell), cell * ceil(size[1] / cell)


def high_size(size: Size) -> Size:
    """Size of the high-resolution view of a picture."""
    return fitted(size, MAX_AREA, CELL, CELL) if size[0] * size[1] > MAX_AREA else padded(size, CELL)


def low_size(size: Size) -> Size:
    """Size of the low-resolution view, made from the high-resolution one."""
    return fitted(high_size(size), LOW_AREA, CELL, CELL)


def frame_size(size: Size) -> Size:
    """Size of a video frame as it is encoded.

    Raises:
        ValueError: the frame is so long and thin that a side vanishes.
    """
    area = size[0] * size[1]
    if area > VIDEO_MAX_AREA or area < VIDEO_MIN_AREA:
        limit = VIDEO_MAX_AREA if area > VIDEO_MAX_AREA else VIDEO_MIN_AREA
        width, height = fitted(size, limit, VIDEO_CELL, 0)
        if not width or not height:
            raise ValueError(f"A video of {size[0]}x{size[1]} pixels is too long and thin for the model.")
        return width, height
    return padded(size, VIDEO_CELL)


def view_rows(size: Size) -> int:
    return size[1] // CELL * (size[0] // CELL + 1)


def image_rows(size: Size) -> int:
    """Prompt rows of a picture of `size` before any resize."""
    return 3 + view_rows(low_size(size)) + view_rows(high_size(size))


def video_rows(size: Size, frames: int = VIDEO_FRAMES) -> int:
    """Prompt rows of a video whose frames have `size` before any resize."""
    return 2 + frames * (view_rows(frame_size(size)) + 1)


def sound_rows(samples: int, context: int, rate: int) -> int:
    """Prompt rows of a recording: `context` encoder frames a chunk, of which `rate` make one row."""
    chunks = max(1, ceil(min(samples, MAX_SOUND_SAMPLES) / CHUNK_SAMPLES))
    return 2 + chunks * (context // rate + 1)


def centred(image: Image.Image, size: Size) -> Image.Image:
    """`image` in the middle of a grey canvas; pasting converts every mode to RGB."""
    canvas = Image.new("RGB", size, GREY)
    canvas.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return canvas


def image_views(image: Image.Image) -> tuple[Pixels, Pixels]:
    """The low and the high view of a picture: uint8 RGB `[height, width, 3]` each."""
    target = high_size(image.size)
    too_large = image.width * image.height > MAX_AREA
    high = image.resize(target) if too_large else centred(image, target)
    low = high.resize(low_size(image.size))
    return np.asarray(low.convert("RGB")), np.asarray(high.convert("RGB"))


def sampled(frames: Pixels) -> Pixels:
    """VIDEO_FRAMES of `[n, height, width, 3]`, evenly from the first to the last, repeated if there are fewer."""
    if len(frames) == VIDEO_FRAMES:
        return frames
    return frames[np.linspace(0, len(frames) - 1, VIDEO_FRAMES, dtype=int)]


def video_frames(frames: Pixels) -> Pixels:
    """uint8 RGB `[VIDEO_FRAMES, height, width, 3]` as it is encoded."""
    height, width = frames.shape[1:3]
    target = frame_size((width, height))
    return np.stack([video_frame(Image.fromarray(frame), target) for frame in frames])


def video_frame(frame: Image.Image, target: Size) -> Pixels:
    area = frame.width * frame.height
    resized = area > VIDEO_MAX_AREA or area < VIDEO_MIN_AREA
    return np.asarray((frame.resize(target) if resized else centred(frame, target)).convert("RGB"))
