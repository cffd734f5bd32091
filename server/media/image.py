"""Pictures through Pillow: upright, opaque, RGB, no larger than an engine wants them. Runs in a decoder process."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from server.media.errors import MediaError, too_large
from server.media.job import Allocate, Array, Job, RefusedError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""Each as far as Pillow has it: HEIF comes with the optional pillow-heif."""


def decode_image(file: int, job: Job, allocate: Allocate) -> list[Array]:
    """Decode the first frame: uint8 RGB `[height, width, 3]`, EXIF orientation applied, composited on white.

    Raises:
        MediaError: damaged, cut short or of an unknown format (400), or more pixels than the job allows (413).
    """
    try:
        with os.fdopen(file, "rb", closefd=False) as source, Pillow.open(source, formats=_formats()) as picture:
            if picture.width * picture.height > job.max_pixels:
                raise _too_many_pixels(job.max_pixels)
            size = picture.size if job.fit is None else job.fit.size(picture.size)
            room = allocate((size[0] * size[1] * 3,), "uint8")
            ImageOps.exif_transpose(picture, in_place=True)
            opaque = _opaque_rgb(picture)
    except (MediaError, MemoryError, RefusedError):
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise _too_many_pixels(job.max_pixels) from None
    except Exception as error:  # a damaged file makes Pillow's readers trip in any way: struct, zlib, index errors, ...
        raise MediaError(_refusal(file)) from error
    if job.fit is not None:
        opaque = opaque.resize(job.fit.size(opaque.size)) if job.fit.scales(opaque.size) else opaque
    pixels = room.reshape(opaque.height, opaque.width, 3)
    pixels[:] = np.asarray(opaque)
    return [pixels]


def _formats() -> list[str]:
    Pillow.init()
    return [name for name in FORMATS if name in Pillow.OPEN]


def _refusal(file: int) -> str:
    if "HEIF" not in Pillow.OPEN and os.pread(file, 12, 0)[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "this server does not read HEIC images (its operator can install the extra 'heic'); send a JPEG."
    return "the image is damaged or of an unknown format."


def _opaque_rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith("I;16"):
        picture = _eight_bits(picture)
    if picture.mode in ("I", "F"):
        raise MediaError("images with 32 bits per sample have no defined brightness; send 8 or 16 bits.")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    colours = picture.convert("RGBA")
    page = Pillow.new("RGB", picture.size, "white")
    page.paste(colours.convert("RGB"), mask=colours.getchannel("A"))
    return page


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    """The high bytes, as Pillow itself keeps of 16-bit colours; its conversion of 16-bit gray would clip to white."""
    samples = np.asarray(picture)
    gray = (samples >> 8).astype(np.uint8)
    if (clear := picture.info.get("transparency")) is not None:
        gray[samples == clear] = 255
    return Pillow.fromarray(gray)


def _too_many_pixels(max_pixels: int) -> MediaError:
    return too_large(f"the image has more than {max_pixels} pixels.")
