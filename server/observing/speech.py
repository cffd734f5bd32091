"""How one answer's speech goes, told to figures and traces. Implements `tts.observer.Observer`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from server.metrics import Metrics
from tts.gaps import Cause
from tts.observer import UnitObserver
from tts.speaker import Place
from tts.tracing import Span, Tracer


class SpeechObserver:
    """Hears of one answer, which somebody listens to while it is made (`live`) or gets whole."""

    def __init__(self, metrics: Metrics, tracer: Tracer, place: Place, *, live: bool = True) -> None:
        self._metrics, self._tracer, self._live = metrics, tracer, live
        # Users may add any number of recorded voices; the figures must not grow with them.
        self._voice = "recorded" if place.recorded else place.pool.name

    def first_unit(self, seconds: float) -> None:
        self._metrics.first_sentence.observe(seconds)

    @contextmanager
    def waiting(self) -> Generator[None, None, None]:
        with self._metrics.units_open.labels("waiting").track_inprogress():
            yield

    @contextmanager
    def unit(self, waited: float) -> Generator[UnitObserver, None, None]:
        self._metrics.queue_wait.labels(self._voice).observe(waited)
        with (
            self._tracer.span("sentence", voice=self._voice, queue_seconds=waited) as span,
            self._metrics.units_open.labels("speaking").track_inprogress(),
        ):
            unit = _Unit(self._metrics, self._voice, span)
            try:
                yield unit
            finally:
                span.note(end=unit.end)
                self._metrics.units.labels(self._voice, unit.end).inc()

    def gap(self, causes: Mapping[Cause, float]) -> None:
        if self._live:
            for cause, seconds in causes.items():
                self._metrics.underrun.labels(cause).inc(seconds)

    def ended(self, noticed: str) -> None:
        if self._live:
            self._metrics.spoken_answers.labels(noticed).inc()


class _Unit:
    """Implements `tts.observer.UnitObserver`."""

    def __init__(self, metrics: Metrics, voice: str, span: Span) -> None:
        self._metrics, self._voice, self._span = metrics, voice, span
        self.end = "left"

    def first_chunk(self, seconds: float) -> None:
        self._span.event("first chunk")
        self._metrics.first_chunk.labels(self._voice).observe(seconds)

    def spoken(self, seconds: float, sound: float) -> None:
        self.end = "spoken"
        if sound:
            self._span.note(sound_seconds=sound)
            self._metrics.real_time_factor.labels(self._voice).observe(seconds / sound)

    def failed(self) -> None:
        self.end = "failed"
