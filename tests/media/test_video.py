import hashlib
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE, Sound, Video
from server.media.limits import MediaLimits
from server.media.video import sampled_indices
from tests.media.samples import (
    CASES,
    INPUTS,
    TONE,
    GoldenSound,
    decoded,
    decoded_video,
    made,
    pictures,
    refusal,
    video_part,
)

pytestmark = pytest.mark.anyio

VIDEOS: dict[str, Any] = CASES["videos"]


def golden_video(stem: str) -> bytes:
    return (INPUTS / f"{stem}.mp4").read_bytes()


def all_frames(data: bytes, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Every frame of a video that ffmpeg can read from a pipe."""
    command = "ffmpeg -v error -i pipe: -fps_mode passthrough -f rawvideo -pix_fmt rgb24 pipe:"
    output = subprocess.run(command.split(), input=data, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(output, np.uint8).reshape(-1, height, width, 3)


@pytest.mark.parametrize("stem", VIDEOS)
async def test_golden_frames_bit_by_bit(stem: str) -> None:
    frames, _ = await decoded_video(golden_video(stem))
    assert frames.dtype == np.uint8
    assert frames.flags.writeable
    assert [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames] == VIDEOS[stem]["decoded_rgb_sha256"]


@pytest.mark.parametrize("stem", VIDEOS)
def test_golden_indices(stem: str) -> None:
    assert sampled_indices(VIDEOS[stem]["n_frames"]).tolist() == VIDEOS[stem]["frame_idx"]


@pytest.mark.parametrize(
    ("stem", "error"),
    # The reference rounds soundtracks to 16 bits, which is exact for the lossless one.
    [("lossless_160x120_96f", 1e-6), ("h264_640x480_75f_aac", 2e-5)],
)
async def test_golden_soundtracks(stem: str, error: float) -> None:
    golden, (_, samples) = GoldenSound(f"video:{stem}"), await decoded_video(golden_video(stem))
    assert samples is not None
    assert len(samples) == golden.length
    assert golden.error(samples) < error


async def test_without_soundtrack() -> None:
    _, samples = await decoded_video(golden_video("silent_400x300_30f"))
    assert samples is None


async def test_soundtrack_can_be_left_out() -> None:
    data = golden_video("lossless_160x120_96f")
    _, samples = await decoded_video(data, audio=False)
    assert samples is None
    inside = video_part(data)
    inside["video_url"]["audio"] = False
    assert [type(part) for part in await decoded(inside)] == [Video]
    assert [type(part) for part in await decoded(inside | {"audio": True})] == [Video, Sound]


async def test_sound_and_frames_have_different_digests() -> None:
    data = golden_video("lossless_160x120_96f")
    video, sound = await decoded(video_part(data))
    [silent] = await decoded(video_part(data, audio=False))
    assert video.digest != sound.digest
    assert video.digest == silent.digest


async def test_a_single_frame(tmp_path: Path) -> None:
    frames, _ = await decoded_video(made(tmp_path / "v.mp4", *pictures(), "-frames:v", "1"))
    assert frames.shape == (64, 48, 64, 3)
    assert (frames == frames[0]).all()


@pytest.mark.parametrize("name", ["v.mp4", "v.webm", "v.mkv", "v.avi", "v.mov", "v.ts", "v.flv", "v.gif"])
async def test_containers(tmp_path: Path, name: str) -> None:
    frames, _ = await decoded_video(made(tmp_path / name, *pictures(rate=20, seconds=4)))
    assert frames.shape == (64, 48, 64, 3)
    changes = np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert (changes > 0).all()  # 64 of 80 frames: none twice


async def test_more_packets_than_frames(tmp_path: Path) -> None:
    """VP8's alternative reference frames are packets that show nothing: 60 frames in more packets."""
    options = ["-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "200k"]
    log = str(tmp_path / "two")
    clip = pictures("128x96", 15, 4)
    made(tmp_path / "first.webm", *clip, *options, "-pass", "1", "-passlogfile", log)
    data = made(tmp_path / "v.webm", *clip, *options, "-pass", "2", "-passlogfile", log)
    every = all_frames(data, 128, 96)
    assert len(every) == 60
    frames, _ = await decoded_video(data)
    assert np.array_equal(frames, every[np.linspace(0, 59, 64, dtype=int)])


ONE, LAST_ONE = 1 << 16, 1 << 30
UPRIGHT = (ONE, 0, 0, 0, ONE, 0, 0, 0, LAST_ONE)
CLOCKWISE = (0, ONE, 0, -ONE, 0, 0, 48 * ONE, 0, LAST_ONE)


async def test_telephone_video_is_turned_upright(tmp_path: Path) -> None:
    """By a matrix as in ISO/IEC 14496-12, 8.3.2, that takes the top left corner to the top right one."""
    lying = made(tmp_path / "v.mp4", *pictures(), "-pix_fmt", "yuv420p")
    upright, clockwise = struct.pack(">9i", *UPRIGHT), struct.pack(">9i", *CLOCKWISE)
    of_film, of_track = (match.start() for match in re.finditer(re.escape(upright), lying))
    turned = lying[:of_track] + clockwise + lying[of_track + len(clockwise) :]
    assert of_film < of_track
    as_stored, _ = await decoded_video(lying)
    frames, _ = await decoded_video(turned)
    assert frames.shape == (64, 64, 48, 3)
    expected = np.rot90(as_stored, -1, axes=(1, 2))
    assert np.abs(frames.astype(int) - expected).mean() < 6  # chroma is turned before it is interpolated


async def test_frames_that_change_size_get_that_of_the_first(tmp_path: Path) -> None:
    large = made(tmp_path / "a.ts", *pictures("128x96"), "-pix_fmt", "yuv420p")
    small = made(tmp_path / "b.ts", *pictures("64x48"), "-pix_fmt", "yuv420p")
    frames, _ = await decoded_video(large + small)
    assert frames.shape == (64, 96, 128, 3)
    assert np.abs(frames[-1].astype(int) - frames[31]).mean() < 20


async def test_cover_art_is_no_video(tmp_path: Path) -> None:
    song = made(tmp_path / "song.m4a", *TONE)
    Pillow.new("RGB", (8, 8)).save(tmp_path / "cover.png")
    cover = ["-i", str(tmp_path / "song.m4a"), "-i", str(tmp_path / "cover.png"), "-map", "0", "-map", "1"]
    with_cover = made(tmp_path / "v.m4a", *cover, "-c:a", "copy", "-c:v", "png", "-disposition:v", "attached_pic")
    for data in (song, with_cover):
        error = await refusal(video_part(data))
        assert (error.status, error.why) == (400, "the video holds no pictures.")


async def test_padding_of_the_last_sound_packet_is_cut(tmp_path: Path) -> None:
    """AAC comes in packets of 1024 samples; one second of video is not heard as a little more."""
    data = made(tmp_path / "v.mp4", *pictures(), *TONE, "-shortest")
    _, samples = await decoded_video(data)
    assert samples is not None
    assert len(samples) == SAMPLE_RATE


async def test_sound_that_is_longer_than_its_pictures_is_kept(tmp_path: Path) -> None:
    data = made(tmp_path / "v.mp4", *pictures(seconds=0.2), *TONE)
    _, samples = await decoded_video(data)
    assert samples is not None
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=SAMPLE_RATE * 0.05)


async def test_long_soundtracks_are_kept_as_far_as_the_model_hears(tmp_path: Path) -> None:
    seconds = MAX_SOUND_SECONDS + 3
    silence = f"anullsrc=sample_rate=8000:channel_layout=mono:duration={seconds}"
    data = made(tmp_path / "v.mp4", *pictures("16x16", 1, seconds), "-f", "lavfi", "-i", silence, "-b:a", "8k")
    _, samples = await decoded_video(data)
    assert samples is not None
    assert len(samples) == MAX_SOUND_SECONDS * SAMPLE_RATE


async def test_index_at_the_end_of_a_file_cut_short(tmp_path: Path) -> None:
    data = golden_video("h264_640x480_75f_aac")
    error = await refusal(video_part(data[: len(data) // 2]))
    assert (error.status, error.why) == (400, "the video is damaged or of an unknown format.")


async def test_index_at_the_start_of_a_file_cut_short(tmp_path: Path) -> None:
    """What is there is seen, spread over all 64 frames."""
    source = INPUTS / "lossless_160x120_96f.mp4"
    whole = made(tmp_path / "v.mp4", "-i", str(source), "-c", "copy", "-movflags", "+faststart")
    frames, samples = await decoded_video(whole[: len(whole) // 2])
    original, _ = await decoded_video(source.read_bytes())
    assert np.array_equal(frames[0], original[0])
    assert len(np.unique(frames.reshape(64, -1), axis=0)) < 60
    assert samples is not None
    assert len(samples) < 5 * SAMPLE_RATE


@pytest.mark.parametrize("data", [b"nonsense" * 99, b"\0\0\0\x18ftypmp42" + b"\0" * 99, b"GIF89a\0\0"])
async def test_nonsense_is_refused(data: bytes) -> None:
    error = await refusal(video_part(data))
    assert (error.status, error.param) == (400, "messages[0].content[0]")
    assert error.why == "the video is damaged or of an unknown format."


@pytest.mark.parametrize("playlist", ["#EXTM3U\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"])
async def test_playlists_cannot_name_files_of_the_server(tmp_path: Path, playlist: str) -> None:
    made(tmp_path / "secret.ts", *pictures())
    for name in (tmp_path / "secret.ts", f"file://{tmp_path}/secret.ts"):
        error = await refusal(video_part(playlist.format(name).encode()))
        assert error.why == "the video is damaged or of an unknown format."


async def test_frames_have_a_pixel_limit(tmp_path: Path) -> None:
    data = made(tmp_path / "v.mp4", *pictures("64x48"))
    assert await decoded(video_part(data), limits=MediaLimits(max_frame_pixels=64 * 48))
    error = await refusal(video_part(data), limits=MediaLimits(max_frame_pixels=64 * 48 - 1))
    assert (error.status, error.why) == (413, "the video's frames have more than 3071 pixels.")


async def test_videos_have_a_duration_limit(tmp_path: Path) -> None:
    data = made(tmp_path / "v.mp4", *pictures(seconds=2))
    assert await decoded(video_part(data), limits=MediaLimits(max_video_seconds=2))
    error = await refusal(video_part(data), limits=MediaLimits(max_video_seconds=1.5))
    assert (error.status, error.why) == (413, "the video is longer than 1.5 s.")
