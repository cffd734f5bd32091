"""Frames found by seeking equal those found by decoding everything, or seeking is not done."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from server.media import video
from server.media.container import only, opened
from server.media.job import Job
from server.media.seeking import DoubtError, FrameIndex, Key, frame_index, sought
from server.media.video import decode_video, sampled_indices
from tests.media.samples import made

JOB = Job("video", max_pixels=10**7, max_seconds=600, cpu_seconds=60)
CLIP = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=30:duration=40", "-pix_fmt", "yuv420p")
X264 = ("-c:v", "libx264", "-preset", "veryfast")


def x264(parameters: str) -> tuple[str, ...]:
    return (*X264, "-x264-params", parameters)


def every_frame(path: Path) -> npt.NDArray[np.uint8]:
    """All frames, by the ffmpeg command."""
    command = f"ffmpeg -v error -i {path} -map 0:v:0 -fps_mode passthrough -f rawvideo -pix_fmt rgb24 pipe:"
    output = subprocess.run(command.split(), stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(output, np.uint8).reshape(-1, 48, 64, 3)


def frames_of(path: Path) -> npt.NDArray[np.uint8]:
    with path.open("rb") as file:
        return decode_video(file.fileno(), JOB, np.empty)[0]


@contextmanager
def indexed(path: Path) -> Iterator[tuple[Any, Any, FrameIndex]]:
    with path.open("rb") as file, opened(file.fileno()) as container:
        stream = only(container, container.streams.video[0])
        yield container, stream, frame_index(container, stream)


def seeks(path: Path) -> bool:
    with indexed(path) as (*_, index):
        return index.is_worth_it(sampled_indices(index.packets))


SEEKABLE = {
    "B-frames": ("v.mp4", (*CLIP, *x264("keyint=12:bframes=3:b-pyramid=normal"))),
    "no B-frames": ("v.mp4", (*CLIP, *x264("keyint=12:bframes=0"))),
    "variable rate": ("v.mp4", (*CLIP, "-vf", "select='not(mod(n,7))+not(mod(n,3))'", *x264("keyint=6"))),
    "matroska": ("v.mkv", (*CLIP, *x264("keyint=12:bframes=3"))),
    "with sound": ("v.mov", ("-f", "lavfi", "-i", "sine=duration=40", *CLIP, *x264("keyint=12:bframes=2"))),
    "HEVC": ("v.mp4", (*CLIP, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=12:log-level=none")),
    "HEVC, open GOP": (
        "v.mp4",
        (*CLIP, "-c:v", "libx265", "-preset", "fast", "-x265-params", "keyint=12:open-gop=1:bframes=3:log-level=none"),
    ),
    "VP9": ("v.webm", (*CLIP, "-c:v", "libvpx-vp9", "-g", "12", "-deadline", "realtime", "-cpu-used", "8")),
}


@pytest.mark.parametrize("name", SEEKABLE)
def test_the_frames_are_the_same(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "_decode_all", None)  # it does not come to this
    file, arguments = SEEKABLE[name]
    path = tmp_path / file
    made(path, *arguments)
    every = every_frame(path)
    assert seeks(path)
    assert np.array_equal(frames_of(path), every[sampled_indices(len(every))])


def test_an_edit_list_that_begins_between_key_frames(tmp_path: Path) -> None:
    """Frames before the cut are in the file, because others need them, and are not seen."""
    made(tmp_path / "whole.mp4", *CLIP, *x264("keyint=10:bframes=2"))
    path = tmp_path / "cut.mp4"
    made(path, "-ss", "3.5", "-i", str(tmp_path / "whole.mp4"), "-c", "copy")
    every = every_frame(path)
    assert len(every) < 1200 - 90
    assert seeks(path)
    assert np.array_equal(frames_of(path), every[sampled_indices(len(every))])


NOT_SEEKABLE = {
    "a gradual refresh instead of key frames": ("v.mkv", (*CLIP, *x264("keyint=12:intra-refresh=1"))),
    "open GOP, mp4": ("v.mp4", (*CLIP, *x264("keyint=12:bframes=3:open-gop=1:min-keyint=1"))),
    "open GOP, matroska": ("v.mkv", (*CLIP, *x264("keyint=12:bframes=3:open-gop=1:min-keyint=1"))),
    "packets that show nothing": ("v.webm", (*CLIP, "-t", "12", "-c:v", "libvpx", "-g", "12", "-deadline", "realtime")),
    "a container without an index": ("v.ts", (*CLIP, *x264("keyint=12"))),
    "a codec that packs frames": ("v.avi", (*CLIP, "-c:v", "mpeg4", "-g", "12")),
    "one key frame": ("v.mp4", (*CLIP, *x264("keyint=2000:scenecut=0"))),
    "no more frames than are wanted": ("v.mp4", (*CLIP, "-frames:v", "64", *x264("keyint=12"))),
}


@pytest.mark.parametrize("name", NOT_SEEKABLE)
def test_where_seeking_is_not_exact_or_not_faster_all_is_decoded(tmp_path: Path, name: str) -> None:
    file, arguments = NOT_SEEKABLE[name]
    path = tmp_path / file
    made(path, *arguments)
    every = every_frame(path)
    assert not seeks(path)
    assert np.array_equal(frames_of(path), every[sampled_indices(len(every))])


@pytest.mark.parametrize("wrong", ["one less", "one more", "another time", "a key that is none"])
def test_an_index_that_is_not_true_is_noticed(tmp_path: Path, wrong: str) -> None:
    made(tmp_path / "v.mp4", *CLIP, *x264("keyint=12:bframes=2"))
    with indexed(tmp_path / "v.mp4") as (container, stream, index):
        match wrong:
            case "one less":
                del index.times[603]
            case "one more":
                index.times.insert(603, index.times[603] - 1)
            case "another time":
                index.times[603] += 1
            case "a key that is none":
                index.keys.append(Key(index.times[603] + 1, index.times[603]))
                index.keys.sort(key=lambda key: key.shown)
        with pytest.raises(DoubtError):
            list(sought(container, stream, index, np.array([5, 605])))


def test_after_a_doubt_everything_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def doubtful(container: Any, stream: Any, index: FrameIndex, indices: Any) -> Iterator[Any]:
        frames = sought(container, stream, index, indices)
        yield 1, next(frames)[1]  # a wrong one, to be overwritten
        raise DoubtError

    path = tmp_path / "v.mp4"
    made(path, *CLIP, *x264("keyint=12"))
    monkeypatch.setattr(video, "sought", doubtful)
    every = every_frame(path)
    assert np.array_equal(frames_of(path), every[sampled_indices(len(every))])


@pytest.mark.parametrize("wrong", [-7, -1, 1, 40])
def test_a_wrong_count_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    def miscounted(container: Any, stream: Any) -> FrameIndex:
        index = frame_index(container, stream)
        return FrameIndex(index.packets + wrong)

    path = tmp_path / "v.mp4"
    made(path, *CLIP, "-frames:v", "100", *X264)
    monkeypatch.setattr(video, "frame_index", miscounted)
    every = every_frame(path)
    assert np.array_equal(frames_of(path), every[sampled_indices(100)])


def test_only_frames_behind_the_last_key_are_decoded(tmp_path: Path) -> None:
    made(tmp_path / "v.mp4", *CLIP, *x264("keyint=12"))
    with indexed(tmp_path / "v.mp4") as (*_, index):
        plan = index.plan([0, 600, 605, 1199])
        assert [group for _, group in plan] == [[0], [600, 605], [1199]] or len(plan) == 4
        assert sum(group[-1] - index.times.index(key.shown) + 1 for key, group in plan) <= 4 * 12
