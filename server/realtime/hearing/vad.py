"""How probable speech is in each window of sound: Silero VAD, one model for all sessions of the process.

What comes while one inference runs is heard together in the next. Knows no turns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import numpy as np
import numpy.typing as npt
import onnxruntime

from engine.api import SAMPLE_RATE
from server.realtime.hearing.windows import WINDOW

_MODEL = Path("data", "silero_vad_16k_op15.onnx")
"""Inside the package; the one whose batch dimension is free."""
_CONTEXT = 64
"""Samples of the window before that the model hears again in front of a window."""
_STATE = 128
"""Width of each of the two halves of the model's memory."""
_STEPS = 8
"""Windows of one caller in a row before others are let in: a few milliseconds, however much one session appends."""

Floats = npt.NDArray[np.float32]


class VadError(Exception):
    """The model is not installed, or is none."""


@dataclass(slots=True, eq=False)
class VadStream:
    """What the model remembers of one session."""

    state: Floats = field(default_factory=lambda: np.zeros((2, 1, _STATE), np.float32))
    context: Floats = field(default_factory=lambda: np.zeros(_CONTEXT, np.float32))


@dataclass(slots=True, eq=False)
class _Call:
    """Windows that wait to be heard."""

    stream: VadStream
    windows: Floats
    probabilities: list[float] = field(default_factory=list)
    turn: anyio.Event = field(default_factory=anyio.Event)
    """Set when all is heard, or when it falls to this call to run the model for all that wait."""

    @property
    def done(self) -> bool:
        return len(self.probabilities) == len(self.windows)

    @property
    def next(self) -> Floats:
        """The windows of the next round."""
        return self.windows[len(self.probabilities) :][:_STEPS]


class Vad:
    """The model. One object serves all sessions of an event loop."""

    def __init__(self) -> None:
        """Load the model.

        Raises:
            VadError: it is not installed.
        """
        self._model = _load()
        self._waiting: list[_Call] = []
        self._leader: _Call | None = None
        """Who runs the model at present."""
        self._thread = anyio.CapacityLimiter(1)  # not shared with what else runs in threads

    def stream(self) -> VadStream:
        """For a new session."""
        return VadStream()

    async def probabilities(self, stream: VadStream, windows: npt.NDArray[np.int16] | Floats) -> list[float]:
        """Hear the next windows of a session, `[n, WINDOW]` as int16 or as float32 in [-1, 1]; one number for each.

        One call at a time for each stream. Cancelling it leaves the stream somewhere within the windows.
        """
        if not len(windows):
            return []
        call = _Call(stream, _scaled(windows))
        self._waiting.append(call)
        try:
            if self._leader is None:
                self._leader = call
                await anyio.lowlevel.checkpoint()  # those that are ready at the same time come along
            else:
                await call.turn.wait()
            while not call.done:
                await self._round()
        finally:
            self._leave(call)
        return call.probabilities

    async def _round(self) -> None:
        calls = [call for call in self._waiting if not call.done]
        await anyio.to_thread.run_sync(self._hear, calls, limiter=self._thread)
        for call in calls:
            if call.done:
                call.turn.set()

    def _leave(self, call: _Call) -> None:
        self._waiting.remove(call)
        if self._leader is call:
            self._leader = next((waiting for waiting in self._waiting if not waiting.done), None)
            if self._leader is not None:
                self._leader.turn.set()

    def _hear(self, calls: list[_Call]) -> None:
        """One round, in the thread: the next windows of each call, those of one call one after the other."""
        calls = sorted(calls, key=lambda call: -len(call.next))
        counts = np.array([len(call.next) for call in calls])
        sound = np.zeros((len(calls), _CONTEXT + counts[0] * WINDOW), np.float32)
        for row, call in zip(sound, calls, strict=True):
            windows = call.next.ravel()
            row[: _CONTEXT + len(windows)] = np.concatenate((call.stream.context, windows))
        state = np.concatenate([call.stream.state for call in calls], axis=1)
        heard = np.empty((len(calls), counts[0]), np.float32)
        for step in range(counts[0]):
            active = int(np.count_nonzero(counts > step))
            window = sound[:active, step * WINDOW :][:, : _CONTEXT + WINDOW]
            heard[:active, step], state[:, :active] = self._infer(window, state[:, :active])
        for index, call in enumerate(calls):
            count = counts[index]
            call.stream.state = state[:, index : index + 1].copy()
            call.stream.context = sound[index, count * WINDOW :][:_CONTEXT].copy()
            call.probabilities += heard[index, :count].tolist()

    def _infer(self, sound: Floats, state: Floats) -> tuple[Floats, Floats]:
        """`[n, context and window]` and `[2, n, width]` to probabilities `[n]` and the state after them."""
        rate = np.array(SAMPLE_RATE, np.int64)
        heard, state = self._model.run(
            None, {"input": np.ascontiguousarray(sound), "state": np.ascontiguousarray(state), "sr": rate}
        )
        return heard[:, 0], state


def _scaled(windows: npt.NDArray[np.int16] | Floats) -> Floats:
    assert windows.shape[1:] == (WINDOW,), windows.shape
    scale = 1 / 32768 if windows.dtype == np.int16 else 1.0
    return windows.astype(np.float32) * np.float32(scale)


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
