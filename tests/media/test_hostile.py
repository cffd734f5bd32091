"""Files made to harm: each is refused, or decoded within its bounds, and nothing but fixed texts comes back."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import httpx
import numpy as np
import pytest
import soundfile
from PIL import Image as Pillow

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE
from server.media import sandbox
from server.media.decoders import Decoders
from server.media.job import Kind
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from tests.media.formats import NAMES, sample
from tests.media.fuzz import LIMITS, attack, check, mutants, peak_of
from tests.media.samples import (
    DECODERS,
    TONE,
    audio_part,
    decoded,
    decoded_image,
    decoded_sound,
    image_part,
    made,
    pictures,
    refusal,
    video_part,
)
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, served

pytestmark = pytest.mark.anyio

MUTANTS = 8
"""Of each format; `make fuzz` tries hundreds."""
SECONDS = 20
"""For one file, on a machine that has other things to do."""
PEAK = 2 * 2**30

PARTS = {"image": image_part, "sound": audio_part, "video": video_part}


def peak() -> int:
    return max(peak_of(decoder.pid) for decoder in DECODERS.idle)


# Damaged files


@pytest.mark.parametrize(("kind", "name"), NAMES)
async def test_damaged_files(kind: Kind, name: str) -> None:
    async with Attachments(LIMITS, decoders=DECODERS) as attachments:
        costs = await attack(kind, mutants(sample(kind, name), MUTANTS, f"{kind} {name}"), attachments, DECODERS)
    assert costs.accepted + costs.refused.total() == MUTANTS
    assert costs.worst_seconds < SECONDS
    assert costs.peak_bytes < PEAK


@pytest.mark.parametrize("kind", PARTS)
async def test_random_files(kind: Kind) -> None:
    random = np.random.default_rng(6)
    async with Attachments(LIMITS, decoders=DECODERS) as attachments:
        files = (random.bytes(int(random.integers(1, 5000))) for _ in range(10))
        assert (await attack(kind, files, attachments, DECODERS)).accepted == 0


# Files that grow


def encoded(picture: Pillow.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def png(width: int, height: int, rows: bytes) -> bytes:
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    checked = (name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(chunk) - 8) + chunk for chunk in checked)


def gif(width: int, height: int) -> bytes:
    data = bytearray(encoded(Pillow.new("L", (1, 1)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp(width: int, height: int) -> bytes:
    data = bytearray(encoded(Pillow.new("RGB", (1, 1)), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


BOMBS = {
    "PNG": lambda: encoded(Pillow.new("1", (20_000, 20_000)), "PNG"),
    "PNG that only claims": lambda: png(2**31 - 1, 2**31 - 1, b""),
    "GIF canvas": lambda: gif(65_535, 65_535),
    "WebP": lambda: encoded(Pillow.new("L", (16_383, 8_000)), "WEBP", quality=1, method=0),
    "BMP that only claims": lambda: bmp(2**20, 2**20),
    "TIFF": lambda: encoded(Pillow.new("1", (30_000, 30_000)), "TIFF", compression="group4"),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_pictures_that_would_be_too_large(name: str) -> None:
    started = perf_counter()
    error = await refusal(image_part(BOMBS[name]()))
    assert error.status in (400, 413)
    assert (error.status == 413) == (name != "BMP that only claims" or "pixels" in error.why)
    assert perf_counter() - started < SECONDS


async def test_a_picture_just_within_the_limit_fits_into_the_memory_of_a_decoder() -> None:
    side = 9_400
    pixels = await decoded_image(png(side, side, zlib.compress(bytes((4 * side + 1) * side), 1)))
    assert pixels.shape == (side, side, 3)
    assert peak() < sandbox.MEMORY


async def test_a_png_with_an_endless_text() -> None:
    """Pillow would read a compressed comment of any size."""
    comment = b"Comment\0\0" + zlib.compress(bytes(50_000_000))
    plain = encoded(Pillow.new("RGB", (4, 4)), "PNG")
    chunk = struct.pack(">I", len(comment)) + b"zTXt" + comment + struct.pack(">I", zlib.crc32(b"zTXt" + comment))
    error = await refusal(image_part(plain[:33] + chunk + plain[33:]))
    check(error)


async def test_a_gif_with_thousands_of_frames_is_one_picture() -> None:
    first, *others = [Pillow.new("L", (8, 8), shade % 256) for shade in range(3_000)]
    data = encoded(first, "GIF", save_all=True, append_images=others, duration=20)
    assert (await decoded_image(data)).shape == (8, 8, 3)
    video, *_ = await decoded(video_part(data))
    assert video.frames.shape == (64, 8, 8, 3)


@pytest.mark.parametrize(("format", "subtype"), [("FLAC", "PCM_16"), ("OGG", "OPUS"), ("WAV", "PCM_U8")])
async def test_hours_of_silence_are_heard_as_far_as_the_model_hears(format: str, subtype: str) -> None:
    file, rate = io.BytesIO(), 8_000
    minutes = 15 if subtype == "OPUS" else 180  # slow to encode, and still more than is heard
    with soundfile.SoundFile(file, "w", rate, 1, subtype=subtype, format=format) as sink:
        for _ in range(minutes // 5):
            sink.write(np.zeros(300 * rate, np.int16))
    samples = await decoded_sound(file.getvalue())
    assert len(samples) == MAX_SOUND_SECONDS * SAMPLE_RATE
    assert peak() < PEAK


async def test_a_recording_that_claims_to_be_endless() -> None:
    data = bytearray(sample("sound", "wav"))
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xf0\xff\xff\xff"
    assert len(await decoded_sound(bytes(data))) == pytest.approx(8_000, abs=10)


@pytest.mark.parametrize("box", [b"stsz", b"stts", b"stsc", b"stco", b"ctts", b"elst"])
async def test_tables_of_an_mp4_that_claim_to_be_endless(box: bytes, tmp_path: Path) -> None:
    data = bytearray(made(tmp_path / "v.mp4", *pictures(), *TONE, "-c:v", "libx264", "-pix_fmt", "yuv420p"))
    at = data.index(box) + (12 if box == b"stsz" else 8)
    data[at : at + 4] = b"\x7f\xff\xff\xff"
    started = perf_counter()
    async with Attachments(LIMITS, decoders=DECODERS) as attachments:
        await attack("video", iter([bytes(data)]), attachments, DECODERS)
    assert perf_counter() - started < SECONDS
    assert peak() < PEAK


async def test_frames_of_absurd_size(tmp_path: Path) -> None:
    """One frame of 9000 by 9000 pixels, in a small file."""
    clip = ("-f", "lavfi", "-i", "color=size=9000x9000:rate=1:duration=1")
    data = made(tmp_path / "v.mov", *clip, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p")
    assert len(data) < 2_000_000
    error = await refusal(video_part(data))
    assert (error.status, error.why) == (413, "the video's frames have more than 9437184 pixels.")


def nested(name: bytes, depth: int) -> bytes:
    box = b""
    for _ in range(depth):
        box = struct.pack(">I", len(box) + 8) + name + box
    return b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + box


@pytest.mark.parametrize("name", [b"moov", b"trak", b"udta", b"moof"])
async def test_boxes_in_boxes(name: bytes) -> None:
    error = await refusal(video_part(nested(name, 5_000)))
    assert error.status == 400


async def test_directories_in_a_circle() -> None:
    """A TIFF whose first directory names itself as the next one."""
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 256, 3, 1, 1, 0) + struct.pack("<I", 8)
    assert (await refusal(image_part(tiff))).status == 400


# Files that are something else


ELSEWHERE = "/etc/passwd"
PLAYLISTS = {
    "HLS": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{ELSEWHERE}\n#EXT-X-ENDLIST\n",
    "HLS by http": "#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:8000/health\n#EXT-X-ENDLIST\n",
    "HLS with a key": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{ELSEWHERE}"\n#EXTINF:1,\ndata:,x\n#EXT-X-ENDLIST\n',
    "ffconcat": f"ffconcat version 1.0\nfile {ELSEWHERE}\n",
    "DASH": f'<?xml version="1.0"?><MPD><Period><BaseURL>{ELSEWHERE}</BaseURL></Period></MPD>',
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    "SMIL": f'<smil><body><video src="{ELSEWHERE}"/></body></smil>',
    "ASX": f'<asx version="3.0"><entry><ref href="{ELSEWHERE}"/></entry></asx>',
    "PLS": f"[playlist]\nFile1={ELSEWHERE}\nNumberOfEntries=1\n",
    "M3U": f"{ELSEWHERE}\n",
    "SVG": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{ELSEWHERE}"/></svg>',
    "MVG": f"push graphic-context\nimage over 0,0 0,0 '{ELSEWHERE}'\npop graphic-context\n",
    "PostScript": f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({ELSEWHERE}) run\n",
    "PDF": "%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n",
    "HTML": "<!doctype html><script>alert(1)</script>",
    "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nx\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("kind", PARTS)
async def test_what_names_other_files_is_no_attachment(kind: Kind, name: str) -> None:
    for start in ("", "GIF89a", "\n" * 100):
        error = await refusal(PARTS[kind]((start + PLAYLISTS[name]).encode()))
        check(error)
        assert error.status == 400 or start == "GIF89a"  # whose size may come out large


@pytest.mark.parametrize("kind", PARTS)
async def test_files_that_are_two_things_are_what_they_are_attached_as(kind: Kind) -> None:
    """Or nothing at all."""
    picture, sound, clip = sample("image", "jpg"), sample("sound", "wav"), sample("video", "mp4")
    playlist = PLAYLISTS["HLS"].encode()
    both = [picture + sound, picture + clip, sound + picture, clip + picture, picture + playlist, playlist + picture]
    async with Attachments(LIMITS, decoders=DECODERS) as attachments:
        costs = await attack(kind, iter([*both, b"GIF89a/*" + playlist, b"RIFF" + playlist]), attachments, DECODERS)
    assert costs.refused.total() >= 3


async def test_a_movie_whose_samples_are_in_another_file(tmp_path: Path) -> None:
    """QuickTime's data references: the file is not opened, so there is nothing to see."""
    data = made(tmp_path / "v.mov", *pictures(), "-c:v", "libx264", "-pix_fmt", "yuv420p")
    at = data.index(b"url \0\0\0\x01") - 4
    alias = b"alis\0\0\0\0" + struct.pack(">H", 150) + bytes(150) + struct.pack(">hH", 2, len(ELSEWHERE))
    alias += ELSEWHERE.encode() + bytes(2)
    outside = data[:at] + struct.pack(">I", 4 + len(alias)) + alias + data[at + 12 :]
    async with Attachments(LIMITS, decoders=DECODERS) as attachments:
        await attack("video", iter([outside]), attachments, DECODERS)


# The server meanwhile


def attackers() -> Iterator[dict[str, Any]]:
    side = 9_000
    yield image_part(png(side, side, zlib.compress(bytes((4 * side + 1) * side), 1)))
    yield image_part(BOMBS["PNG"]())
    yield image_part(png(60_000, 60_000, b""))
    yield video_part(nested(b"moov", 5_000))
    yield video_part(PLAYLISTS["HLS"].encode())
    yield audio_part(bytes(10_000_000))


async def test_others_are_answered_meanwhile() -> None:
    answers: list[httpx.Response] = []
    async with served(ScriptedEngine()) as server:
        done = anyio.Event()

        async def harm(part: dict[str, Any]) -> None:
            body = json.dumps(ASK | {"messages": [{"role": "user", "content": [part]}]})
            headers = {"Content-Type": "application/json"}
            answers.append(await server.http.post("/v1/chat/completions", content=body, headers=headers, timeout=120))
            if len(answers) == 6:
                done.set()

        async with anyio.create_task_group() as group:
            for part in attackers():
                group.start_soon(harm, part)
            waits = []
            while not done.is_set():
                started = perf_counter()
                assert (await server.http.post("/v1/chat/completions", json=ASK)).status_code == 200
                waits.append(perf_counter() - started)
                with anyio.move_on_after(0.05):
                    await done.wait()
    assert len(waits) > 5
    assert max(waits) < 5  # most of it is this process making and sending the bodies
    assert sorted(np.partition(waits, len(waits) // 2)[: len(waits) // 2])[-1] < 0.5
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 413, 413]


async def test_an_attack_with_many_requests_is_answered_in_turn() -> None:
    """More bombs at a time than there are decoders."""
    limits, decoders = MediaLimits(), Decoders(2)
    bomb = image_part(png(60_000, 60_000, b""))
    async with Attachments(limits, decoders=decoders) as attachments, anyio.create_task_group() as group:

        async def harm(number: int) -> None:
            part = {**bomb, "image_url": {"url": bomb["image_url"]["url"][:-4] + f"{number:04}"}}
            with pytest.raises(Exception, match="pixels"):
                await attachments.decode([{"role": "user", "content": [part]}])

        for number in range(30):
            group.start_soon(harm, number)
    assert len(decoders.idle) <= 2
    await decoders.close()
