import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from server.media.limits import MediaLimits
from tests.media.samples import CASES, INPUTS, decoded, decoded_image, image_part, refusal

pytestmark = pytest.mark.anyio

COLOURS = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
SMOOTH = np.stack(np.broadcast_arrays(np.arange(40)[:, None] * 5, np.arange(60) * 4, 128), axis=2).astype(np.uint8)


def encoded(picture: Pillow.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("format", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
async def test_lossless_formats_keep_every_value(format: str, options: dict[str, Any]) -> None:
    pixels = await decoded_image(encoded(Pillow.fromarray(COLOURS), format, **options))
    assert np.array_equal(pixels, COLOURS)


@pytest.mark.parametrize(("format", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("GIF", {})])
async def test_lossy_formats_look_alike(format: str, options: dict[str, Any]) -> None:
    pixels = await decoded_image(encoded(Pillow.fromarray(SMOOTH), format, **options))
    assert pixels.shape == SMOOTH.shape
    assert np.abs(pixels.astype(int) - SMOOTH).mean() < 6


async def test_pixels_can_be_written_to() -> None:
    """Else torch warns about every image."""
    assert (await decoded_image(encoded(Pillow.fromarray(COLOURS), "PNG"))).flags.writeable


RGB = [image["file"] for image in CASES["images"].values() if image["pil_mode"] == "RGB"]


@pytest.mark.parametrize("file", [file for file in RGB if "exif" not in file])
async def test_golden_images_are_what_pillow_reads(file: str) -> None:
    path = INPUTS / file
    assert np.array_equal(await decoded_image(path.read_bytes()), np.asarray(Pillow.open(path)))


async def test_first_frame_of_an_animation() -> None:
    first, second = Pillow.new("RGB", (8, 8), "red"), Pillow.new("RGB", (8, 8), "blue")
    for format in ("GIF", "WEBP"):
        pixels = await decoded_image(encoded(first, format, save_all=True, append_images=[second]))
        assert pixels[0, 0].tolist() == pytest.approx([255, 0, 0], abs=3)


async def test_first_picture_of_a_phones_double_jpeg() -> None:
    first, second = Pillow.new("RGB", (8, 8), "red"), Pillow.new("RGB", (8, 8), "blue")
    pixels = await decoded_image(encoded(first, "MPO", save_all=True, append_images=[second]))
    assert pixels[0, 0].tolist() == pytest.approx([255, 0, 0], abs=3)


UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: x[::-1].transpose(1, 0, 2),
    7: lambda x: x[::-1, ::-1].transpose(1, 0, 2),
    8: lambda x: x[:, ::-1].transpose(1, 0, 2),
}
"""What undoes each EXIF orientation (Exif 2.32, tag 0x0112)."""


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", UPRIGHT)
async def test_every_exif_orientation_is_undone(format: str, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    pixels = await decoded_image(encoded(Pillow.fromarray(COLOURS), format, exif=exif))
    assert np.array_equal(pixels, UPRIGHT[orientation](COLOURS))


async def test_golden_photo_is_turned_upright() -> None:
    path = INPUTS / "exif6_160x96.jpg"
    as_stored = np.asarray(Pillow.open(path))
    assert np.array_equal(await decoded_image(path.read_bytes()), UPRIGHT[6](as_stored))


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
async def test_opaque_alpha_changes_nothing(format: str) -> None:
    picture = Pillow.fromarray(COLOURS)
    picture.putalpha(255)
    options = {"lossless": True} if format == "WEBP" else {}
    assert np.array_equal(await decoded_image(encoded(picture, format, **options)), COLOURS)


def on_white(colours: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    opacity = alpha[..., None] / 255
    return np.rint(colours * opacity + 255 * (1 - opacity))


async def test_alpha_is_composited_on_white() -> None:
    alpha = np.random.default_rng(2).integers(0, 256, COLOURS.shape[:2], dtype=np.uint8)
    picture = Pillow.fromarray(COLOURS)
    picture.putalpha(Pillow.fromarray(alpha))
    pixels = await decoded_image(encoded(picture, "PNG"))
    assert np.abs(pixels - on_white(COLOURS, alpha)).max() == 0


async def test_golden_rgba_is_composited_on_white() -> None:
    path = INPUTS / "rgba_123x77.png"
    stored = np.asarray(Pillow.open(path))
    pixels = await decoded_image(path.read_bytes())
    assert np.abs(pixels - on_white(stored[..., :3], stored[..., 3])).max() == 0
    assert not np.array_equal(pixels, stored[..., :3])


async def test_gray_with_alpha() -> None:
    picture = Pillow.merge("LA", (Pillow.new("L", (4, 4), 0), Pillow.new("L", (4, 4), 0)))
    assert (await decoded_image(encoded(picture, "PNG")) == 255).all()


async def test_palette() -> None:
    path = INPUTS / "palette_90x60.png"
    picture = Pillow.open(path)
    assert picture.mode == "P"
    assert np.array_equal(await decoded_image(path.read_bytes()), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("format", ["PNG", "GIF"])
async def test_transparent_palette_entry_is_white(format: str) -> None:
    picture = Pillow.new("P", (2, 1), 0)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    pixels = await decoded_image(encoded(picture, format, transparency=1))
    assert pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]


async def test_gray() -> None:
    path = INPUTS / "gray_200x150.png"
    stored = np.asarray(Pillow.open(path))
    assert np.array_equal(await decoded_image(path.read_bytes()), np.repeat(stored[..., None], 3, axis=2))


async def test_black_and_white() -> None:
    picture = Pillow.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert (await decoded_image(encoded(picture, "PNG"))).tolist() == [[[0] * 3, [255] * 3]]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
async def test_sixteen_bits_are_scaled_not_clipped(format: str) -> None:
    samples = np.array([[0, 0x0100, 0x7FFF, 0xFFFF]], np.uint16)
    pixels = await decoded_image(encoded(Pillow.fromarray(samples), format))
    assert pixels[0, :, 0].tolist() == [0, 1, 127, 255]


async def test_transparent_value_of_sixteen_bits_is_white() -> None:
    samples = np.array([[0, 0x1234]], np.uint16)
    pixels = await decoded_image(encoded(Pillow.fromarray(samples), "PNG", transparency=0x1234))
    assert pixels[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
async def test_cmyk(format: str) -> None:
    pixels = await decoded_image(encoded(Pillow.new("CMYK", (16, 16), (0, 255, 255, 0)), format))
    assert pixels[8, 8].tolist() == pytest.approx([255, 0, 0], abs=3)


async def test_floating_point_tiff_is_refused() -> None:
    error = await refusal(image_part(encoded(Pillow.new("F", (4, 4), 0.5), "TIFF")))
    assert (error.status, error.param) == (400, "messages[0].content[0]")
    assert "32 bits" in error.message


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.6, 0.1])
async def test_files_cut_short_are_refused(format: str, kept: float) -> None:
    whole = encoded(Pillow.fromarray(np.tile(COLOURS, (5, 5, 1))), format)
    error = await refusal(image_part(whole[: int(len(whole) * kept)]))
    assert (error.status, error.why) == (400, "the image is damaged or of an unknown format.")


async def test_what_is_no_image_is_refused() -> None:
    for path in (INPUTS / "short_1.3s_16k.wav", INPUTS / "silent_400x300_30f.mp4", Path(__file__)):
        error = await refusal(image_part(path.read_bytes()))
        assert (error.status, error.why) == (400, "the image is damaged or of an unknown format.")


async def test_known_formats_only() -> None:
    error = await refusal(image_part(encoded(Pillow.fromarray(COLOURS), "PPM")))
    assert error.status == 400


async def test_pixels_are_counted_before_decoding() -> None:
    limits = MediaLimits(max_image_pixels=20 * 30)
    assert await decoded(image_part(encoded(Pillow.fromarray(COLOURS), "PNG")), limits=limits)
    larger = encoded(Pillow.new("RGB", (31, 20)), "PNG")
    error = await refusal(image_part(larger), limits=limits)
    assert (error.status, error.why) == (413, "the image has more than 600 pixels.")
    assert (await refusal(image_part(larger[:60]), limits=limits)).status == 413


async def test_decompression_bomb() -> None:
    bomb = encoded(Pillow.new("1", (20_000, 20_000)), "PNG")
    assert len(bomb) < 100_000
    assert (await refusal(image_part(bomb))).status == 413
