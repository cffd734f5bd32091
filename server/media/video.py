"""Videos: the frames the model sees and the soundtrack it hears (docs/reference.md, 4 and 5). In a decoder process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE, VIDEO_FRAMES
from server.media.container import UnreadableError, decoded, only, opened
from server.media.errors import MediaError, too_large
from server.media.job import Allocate, Array, Job
from server.media.seeking import DoubtError, FrameIndex, frame_index, sought
from server.media.sheet import Sheet
from server.media.sound import Samples, decode_stream

# Encoders fill their last packet with silence: sound may pass the end of its video by so much and is cut there.
_PADDING_SECONDS = 0.25


def decode_video(file: int, job: Job, allocate: Allocate) -> list[Array]:
    """Decode a video: its sampled frames, uint8 RGB `[VIDEO_FRAMES, height, width, 3]`, and then, if the job wants it
    and if there is one, its sound.

    Raises:
        MediaError: damaged, of an unknown format, without pictures, or beyond a limit.
    """
    try:
        with _opened_video(file, job) as (container, stream):
            seconds, has_sound = _seconds(container), bool(container.streams.audio)
            sheet = Sheet(VIDEO_FRAMES, job, allocate)
            index = frame_index(container, stream)
            found = _by_seeking(container, stream, index, sheet)
        if not found:
            _by_decoding_all(file, job, index.packets, sheet)
    except UnreadableError as error:
        raise MediaError("the video is damaged or of an unknown format.") from error
    samples = _soundtrack(file, seconds) if job.soundtrack and has_sound else np.empty(0, np.float32)
    if not samples.size:
        return [sheet.frames()]
    room = allocate(samples.shape, "float32")
    room[:] = samples
    return [sheet.frames(), room]


def sampled_indices(count: int) -> npt.NDArray[np.int64]:
    """Which of `count` frames the model sees: `[VIDEO_FRAMES]`, ascending, with duplicates if there are fewer."""
    return np.linspace(0, count - 1, VIDEO_FRAMES, dtype=np.int64)


@contextmanager
def _opened_video(file: int, job: Job) -> Iterator[tuple[Any, Any]]:
    with opened(file) as container:
        yield container, _moving(container, job)


def _moving(container: Any, job: Job) -> Any:
    """The first stream of moving pictures, if it is within the limits."""
    moving = (stream for stream in container.streams.video if not stream.disposition & stream.disposition.attached_pic)
    stream = next(moving, None)
    if stream is None or not (stream.codec_context and stream.codec_context.width and stream.codec_context.height):
        raise MediaError("the video holds no pictures.")
    if stream.codec_context.width * stream.codec_context.height > job.max_pixels:
        raise too_large(f"the video's frames have more than {job.max_pixels} pixels.")
    if _seconds(container) > job.max_seconds:
        raise too_large(f"the video is longer than {job.max_seconds:g} s.")
    return only(container, stream)


def _seconds(container: Any) -> float:
    """As the file says; NaN if it does not."""
    return float("nan") if container.duration is None else container.duration / 1_000_000


def _by_seeking(container: Any, stream: Any, index: FrameIndex, sheet: Sheet) -> bool:
    """Put the sampled frames on the sheet, if that is possible and faster than decoding all of them."""
    if not index.packets:
        raise MediaError("the video holds no pictures.")
    indices = sampled_indices(index.packets)
    if not index.is_worth_it(indices):
        return False
    try:
        for position, frame in sought(container, stream, index, indices):
            sheet.put(frame, _places(indices, position))
    except DoubtError:
        return False
    return True


def _by_decoding_all(file: int, job: Job, packets: int, sheet: Sheet) -> None:
    count = _decode_all(file, job, packets, sheet)
    # Packets that show nothing, or that are damaged: only decoding tells how many frames there are.
    if not count or (count != packets and _decode_all(file, job, count, sheet) != count):
        raise MediaError("the video is damaged.")


def _decode_all(file: int, job: Job, expected: int, sheet: Sheet) -> int:
    """Put those on the sheet that would be sampled if there were `expected` frames. How many there are."""
    indices, count = sampled_indices(expected), 0
    wanted = set(indices.tolist())
    with _opened_video(file, job) as (container, stream):
        for frame in decoded(container, stream):
            if count in wanted:
                sheet.put(frame, _places(indices, count))
            count += 1
    return count


def _places(indices: npt.NDArray[np.int64], position: int) -> list[int]:
    """Where frame number `position` is seen."""
    return [int(place) for place in np.flatnonzero(indices == position)]


def _soundtrack(file: int, video_seconds: float) -> Samples:
    try:
        samples = decode_stream(file)
    except UnreadableError as error:
        why = "the video's sound is damaged or of an unknown format; \"audio\": false beside 'video_url' leaves it out."
        raise MediaError(why) from error
    surplus = len(samples) / SAMPLE_RATE - video_seconds
    if 0 < surplus < _PADDING_SECONDS:
        samples = samples[: round(video_seconds * SAMPLE_RATE)]
    return samples[: MAX_SOUND_SECONDS * SAMPLE_RATE]
