"""How probable speech is in each window of sound, and how loud it is: Silero VAD, one model for all sessions of the
process.

What comes while one round runs is heard together in the next. Knows no turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import numpy as np
import numpy.typing as npt
import onnxruntime

from engine.api import SAMPLE_RATE
from server.realtime.hearing.windows import WINDOW, Levels, Samples, decibels, powers

_MODEL = Path("data", "silero_vad_16k_op15.onnx")
"""Inside the package; the one whose batch dimension is free."""
_CONTEXT = 64
"""Samples of the window before that the model hears again in front of a window."""
_STATE = 128
"""Width of each of the two halves of the model's memory."""
_STEPS = 8
"""Windows of one caller in a row before others are let in: a few milliseconds, however much one session appends."""
_APART = 0.015
"""Seconds between the beginnings of two rounds: with many sessions each round hears more, for little more than one
window costs; who is alone never waits. 50 sessions take a third less of the processor than with 5 ms, and 20 ms gain no
more."""
_MUTE_LEVEL = -85.0
"""dB of full scale: nothing, or a last bit that flickers. Every room is louder."""
_MUTED = 16
"""Windows of it, half a second, after which the model has nothing to remember."""

Floats = npt.NDArray[np.float32]


class VadError(Exception):
    """The model is not installed, or is none."""


class Window(NamedTuple):
    """What is known of one."""

    probability: float
    """That it is speech; 0 of a microphone that has been muted for a while."""
    level: float
    """dB of full scale."""
    frames: Levels
    """The levels of its parts, `[FRAMES]`."""


@dataclass(slots=True, eq=False)
class VadStream:
    """What the model remembers of one session."""

    state: Floats = field(default_factory=lambda: np.zeros((2, _STATE), np.float32))
    context: Samples = field(default_factory=lambda: np.zeros(_CONTEXT, np.int16))
    mute: int = 0
    """Windows in a row that were."""

    def muted(self, levels: Sequence[float]) -> list[bool]:
        """Which of the next windows, by their levels, have nothing in them nor near before them."""
        told = []
        for level in levels:
            self.mute = self.mute + 1 if level < _MUTE_LEVEL else 0
            told.append(self.mute > _MUTED)
        return told


@dataclass(slots=True, eq=False)
class _Call:
    """Windows that wait to be heard, at most _STEPS."""

    stream: VadStream
    windows: Samples
    heard: list[Window] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Round:
    """Whoever came first has the model hear all of them."""

    calls: list[_Call] = field(default_factory=list)
    over: anyio.Event = field(default_factory=anyio.Event)


class Vad:
    """The model. One object serves all sessions of an event loop."""

    def __init__(self, apart: float = _APART) -> None:
        """Load the model. `apart` are the seconds between the beginnings of two rounds.

        Raises:
            VadError: it is not installed.
        """
        self._model, self._apart = _load(), apart
        self._running: _Round | None = None
        self._next: _Round | None = None
        self._began = -inf
        """When the last round did."""
        self._thread = anyio.CapacityLimiter(1)  # not shared with what else runs in threads

    def stream(self) -> VadStream:
        """For a new session."""
        return VadStream()

    async def hear(self, stream: VadStream, windows: Samples) -> list[Window]:
        """Hear the next windows of a session, `[n, WINDOW]` as int16.

        One call at a time for each stream. Cancelling it leaves the stream somewhere within the windows.
        """
        heard: list[Window] = []
        for at in range(0, len(windows), _STEPS):
            call = _Call(stream, windows[at : at + _STEPS])
            while not call.heard:  # a round that failed has failed its leader
                await self._join(call)
            heard += call.heard
        return heard

    async def _join(self, call: _Call) -> None:
        if self._next is not None:
            self._next.calls.append(call)
            await self._next.over.wait()
            return
        self._next = _Round([call])
        # Others rely on whoever leads; he is cancelled a few milliseconds later.
        with anyio.CancelScope(shield=True):
            await self._lead(self._next)

    async def _lead(self, own: _Round) -> None:
        if self._running is not None:
            await self._running.over.wait()
        # Those that are ready at the same time come along, even if it is time.
        await anyio.sleep_until(self._began + self._apart)
        self._began, self._running, self._next = anyio.current_time(), own, None
        try:
            await anyio.to_thread.run_sync(self._hear, own.calls, limiter=self._thread)
        finally:
            self._running = None
            own.over.set()

    def _hear(self, calls: list[_Call]) -> None:
        """One round, in the thread: the windows of each call, those of one call one after the other."""
        counts = np.array([len(call.windows) for call in calls])
        power = powers(np.concatenate([call.windows for call in calls]))
        frames, levels = decibels(power), decibels(power.mean(axis=1)).tolist()
        samples = np.zeros((len(calls), _CONTEXT + counts.max() * WINDOW), np.int16)
        muted = np.zeros((len(calls), counts.max()), np.bool_)
        at = 0
        for row, mute, call, count in zip(samples, muted, calls, counts.tolist(), strict=True):
            row[:_CONTEXT] = call.stream.context
            row[_CONTEXT : _CONTEXT + count * WINDOW] = call.windows.ravel()
            mute[:count] = call.stream.muted(levels[at : at + count])
            at += count
        heard = self._infer_all([call.stream for call in calls], samples, counts, muted)
        at = 0
        for probabilities, call, count in zip(heard.tolist(), calls, counts.tolist(), strict=True):
            own = slice(at, at + count)
            call.heard = list(map(Window, probabilities, levels[own], frames[own]))
            at += count

    def _infer_all(
        self, streams: list[VadStream], samples: Samples, counts: npt.NDArray[np.int_], muted: npt.NDArray[np.bool_]
    ) -> Floats:
        """`[n, context and windows]` to probabilities `[n, windows]`, step by step of those that go on."""
        sound = samples * np.float32(1 / 32768)
        state = np.stack([stream.state for stream in streams], axis=1)
        heard = np.zeros(muted.shape, np.float32)
        for step in range(counts.max()):
            state[:, muted[:, step]] = 0
            rows = np.flatnonzero((counts > step) & ~muted[:, step])
            if len(rows):
                window = sound[rows, step * WINDOW : step * WINDOW + _CONTEXT + WINDOW]
                heard[rows, step], state[:, rows] = self._infer(window, state[:, rows])
        for index, stream in enumerate(streams):
            stream.state = state[:, index].copy()
            stream.context = samples[index, counts[index] * WINDOW :][:_CONTEXT].copy()
        return heard

    def _infer(self, sound: Floats, state: Floats) -> tuple[Floats, Floats]:
        """`[n, context and window]` and `[2, n, width]` to probabilities `[n]` and the state after them."""
        rate = np.array(SAMPLE_RATE, np.int64)
        heard, state = self._model.run(
            None, {"input": np.ascontiguousarray(sound), "state": np.ascontiguousarray(state), "sr": rate}
        )
        return heard[:, 0], state


def _load() -> Any:
    """The model on one thread, out of a package that is not imported: it would import torch."""
    package = find_spec("silero_vad")
    if package is None or package.origin is None:
        raise VadError("Turn detection needs the package silero-vad.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = Path(package.origin).parent / _MODEL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions have no common name
        raise VadError(f"The model of silero-vad cannot be loaded: {error}") from error
