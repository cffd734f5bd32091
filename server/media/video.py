"""Videos through ffmpeg: the frames the model sees and the soundtrack it hears (docs/reference.md, 4 and 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE, VIDEO_FRAMES, Sound, Video
from server.media.container import Container, Pictures, command, open_input, probe, stored
from server.media.errors import MediaError, too_large
from server.media.limits import MediaLimits
from server.media.process import ChildError, output_of
from server.media.sound import Samples, decode_stream

Frames = npt.NDArray[np.uint8]

# Encoders fill their last packet with silence: sound may pass the end of its video by so much and is cut there.
_PADDING_SECONDS = 0.25


async def decode_video(data: bytes, digest: str, limits: MediaLimits, *, soundtrack: bool) -> list[Video | Sound]:
    """Decode a video: its sampled frames and then, if `soundtrack` and if it has one, its sound.

    Cancelling it kills ffmpeg and removes the temporary file.

    Raises:
        MediaError: damaged, of an unknown format, without pictures, or beyond a limit.
    """
    async with stored(data) as path:
        try:
            container = await probe(path, limits.decode_seconds)
            pictures = _accepted(container, limits)
            video = Video(await _sampled_frames(path, pictures, limits.decode_seconds), digest)
        except ChildError as error:
            raise MediaError("the video is damaged or of an unknown format.") from error
        if not soundtrack or container.sound is None:
            return [video]
        samples = await _soundtrack(path, container.sound, container.seconds, limits.decode_seconds)
    return [video, Sound(samples, _digest_of_soundtrack(digest))] if samples.size else [video]


def sampled_indices(count: int) -> npt.NDArray[np.int64]:
    """Which of `count` frames the model sees: `[VIDEO_FRAMES]`, ascending, with duplicates if there are fewer."""
    return np.linspace(0, count - 1, VIDEO_FRAMES, dtype=np.int64)


def _accepted(container: Container, limits: MediaLimits) -> Pictures:
    pictures = container.pictures
    if pictures is None or not (pictures.packets and pictures.width and pictures.height):
        raise MediaError("the video holds no pictures.")
    if pictures.width * pictures.height > limits.max_frame_pixels:
        raise too_large(f"the video's frames have more than {limits.max_frame_pixels} pixels.")
    if container.seconds > limits.max_video_seconds:
        raise too_large(f"the video is longer than {limits.max_video_seconds:g} s.")
    return pictures


async def _sampled_frames(path: Path, pictures: Pictures, seconds: float) -> Frames:
    frames = await _frames_out_of(pictures.packets, path, pictures, seconds)
    if frames is None:  # packets that show nothing, or that are damaged: only decoding tells how many frames there are
        count = await output_of(command(_ticks(path, pictures)), _size, seconds)
        frames = await _frames_out_of(count, path, pictures, seconds) if count else None
    if frames is None:
        raise MediaError("the video is damaged.")
    return frames


async def _frames_out_of(count: int, path: Path, pictures: Pictures, seconds: float) -> Frames | None:
    """The sampled frames if the video has exactly `count` of them, else None."""
    indices = sampled_indices(count)
    # Frame number `count` does not exist if the count is right; so it is asked for as well.
    wanted = "+".join(f"eq(n,{index})" for index in [*np.unique(indices), count])
    chosen = open_input(path)[str(pictures.stream)].filter("select", wanted)
    # Without this, frames would change size where the video does. Equal sizes pass unchanged.
    sized = chosen.filter("scale", pictures.width, pictures.height, flags="bicubic")
    output = sized.output("pipe:", format="rawvideo", pix_fmt="rgb24", fps_mode="passthrough")
    return await output_of(command(output), _frame_reader(indices, pictures.height, pictures.width), seconds)


def _frame_reader(indices: npt.NDArray[np.int64], height: int, width: int) -> Callable[[IO[bytes]], Frames | None]:
    def read(output: IO[bytes]) -> Frames | None:
        frames = np.empty((len(indices), height, width, 3), np.uint8)
        for place, index in enumerate(indices):
            if place and index == indices[place - 1]:
                frames[place] = frames[place - 1]
            elif not _fill(frames[place], output):
                return None
        return None if output.read() else frames

    return read


def _fill(frame: Frames, output: IO[bytes]) -> bool:
    return output.readinto(frame.data) == frame.nbytes  # type: ignore[attr-defined, no-any-return]


def _ticks(path: Path, pictures: Pictures) -> Any:
    """Every frame of the video as a single byte."""
    tiny = open_input(path)[str(pictures.stream)].filter("scale", 1, 1, flags="neighbor")
    return tiny.output("pipe:", format="rawvideo", pix_fmt="gray", fps_mode="passthrough")


def _size(output: IO[bytes]) -> int:
    return len(output.read())


async def _soundtrack(path: Path, stream: int, video_seconds: float, decode_seconds: float) -> Samples:
    try:
        samples = await decode_stream(path, stream, decode_seconds)
    except ChildError as error:
        why = "the video's sound is damaged or of an unknown format; \"audio\": false beside 'video_url' leaves it out."
        raise MediaError(why) from error
    surplus = len(samples) / SAMPLE_RATE - video_seconds
    if 0 < surplus < _PADDING_SECONDS:
        samples = samples[: round(video_seconds * SAMPLE_RATE)]
    return samples[: MAX_SOUND_SECONDS * SAMPLE_RATE]


def _digest_of_soundtrack(digest: str) -> str:
    return hashlib.sha256(f"soundtrack:{digest}".encode()).hexdigest()
