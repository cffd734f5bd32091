"""Pictures through Pillow: upright, opaque, RGB, at their own size. Runs in a thread; knows no limits but pixels."""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from engine.api import Image
from server.media.errors import MediaError, too_large

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

_log = logging.getLogger(__name__)


def decode_image(data: bytes, digest: str, max_pixels: int) -> Image:
    """Decode the first frame of `data`: uint8 RGB `[height, width, 3]`, EXIF orientation applied, composited on white.

    Raises:
        MediaError: damaged, cut short or of an unknown format (400), or more than `max_pixels` (413).
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > max_pixels:
                raise _too_many_pixels(max_pixels)
            ImageOps.exif_transpose(picture, in_place=True)
            return Image(np.array(_opaque_rgb(picture)), digest)
    except MediaError:
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise _too_many_pixels(max_pixels) from None
    except Exception as error:  # a damaged file makes Pillow's readers trip in any way: struct, zlib, index errors, ...
        _log.warning("image of %d bytes: %s: %s", len(data), type(error).__name__, error)
        raise MediaError("the image is damaged or of an unknown format.") from error


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
