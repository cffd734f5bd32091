"""The sampled frames of a video side by side: upright, RGB, of one size. Knows nothing of how they were found."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.filter import Graph
from PIL import Image as Pillow

from engine.api import Size
from server.media.errors import MediaError, too_large
from server.media.job import Allocate, Array, Job

_TURNS = {90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}


class Sheet:
    """`number` frames. The first that is put on it gives all of them their size."""

    def __init__(self, number: int, job: Job, allocate: Allocate) -> None:
        self._number, self._job, self._allocate = number, job, allocate
        self._frames: Array | None = None
        self._size: Size | None = None
        self._kind: tuple[Any, ...] = ()
        self._graph: Graph | None = None

    def put(self, frame: Any, places: list[int]) -> None:
        """Let `frame`, an `av.VideoFrame`, be the one at `places`.

        Raises:
            MediaError: it has more pixels than the job allows.
        """
        if frame.width * frame.height > self._job.max_pixels:
            raise too_large(f"the video's frames have more than {self._job.max_pixels} pixels.")
        pixels = self._upright(frame)
        fit = self._job.fit
        if fit is not None and fit.scales((pixels.shape[1], pixels.shape[0])):
            pixels = np.asarray(Pillow.fromarray(pixels).resize(fit.size((pixels.shape[1], pixels.shape[0]))))
        if self._frames is None:
            self._frames = self._allocate((self._number, *pixels.shape), "uint8")
        self._frames[places] = pixels

    def frames(self) -> Array:
        """uint8 RGB `[number, height, width, 3]`.

        Raises:
            MediaError: there was no frame.
        """
        if self._frames is None:
            raise MediaError("the video is damaged.")
        return self._frames

    def _upright(self, frame: Any) -> Array:
        """The frame as RGB, turned as its display matrix says; as the ffmpeg command does it, bit by bit."""
        turn = -frame.rotation % 360
        if self._size is None:
            self._size = (frame.height, frame.width) if turn in (90, 270) else (frame.width, frame.height)
        kind = (frame.format.name, frame.width, frame.height, turn, frame.colorspace, frame.color_range)
        if kind != self._kind:
            self._kind, self._graph = kind, _graph(frame, turn, self._size)
        assert self._graph is not None
        frame.pts = None  # the graph would drop or complain about what does not grow
        self._graph.vpush(frame)
        pixels: Array = self._graph.vpull().to_ndarray()
        return pixels


def _graph(frame: Any, turn: int, size: Size) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base, name="in"
    )
    steps = _TURNS.get(turn, [f"rotate={turn}*PI/180"] if turn else [])
    # Equal sizes pass unchanged. Flags as the ffmpeg command has them.
    for step in (*steps, f"scale={size[0]}:{size[1]}:flags=bicubic", "format=rgb24", "buffersink"):
        name, _, options = step.partition("=")
        following = graph.add(name, options or None)
        source.link_to(following)
        source = following
    graph.configure()
    return graph
