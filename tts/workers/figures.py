"""What a worker counts, for Prometheus and for whoever asks how it does. Knows no transport."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0, 4.0)
_WAITS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)


class Figures:
    """One registry per worker."""

    def __init__(self, slots: int) -> None:
        self.registry = CollectorRegistry()
        self._units = Counter(
            "ola_worker_units",
            "Units by how they ended: spoken, failed, stopped (nobody wanted them any more or somebody else has them).",
            ["end"],
            registry=self.registry,
        )
        self._sound = Counter("ola_worker_sound_seconds", "Seconds of sound made.", registry=self.registry)
        self._first = Histogram(
            "ola_worker_first_sound_seconds", "Unit begun to its first sound.", buckets=_WAITS, registry=self.registry
        )
        self._wait = Histogram(
            "ola_worker_queue_wait_seconds",
            "Unit asked for to taken by this worker, by the clocks of Redis and of this machine.",
            buckets=_WAITS,
            registry=self.registry,
        )
        self._factor = Histogram(
            "ola_worker_real_time_factor",
            "Seconds of work for a second of sound, by unit.",
            ["voice"],
            buckets=_FACTORS,
            registry=self.registry,
        )
        self.claimed = Counter(
            "ola_worker_units_claimed", "Units taken over from workers that were gone.", registry=self.registry
        )
        self.given_up = Counter(
            "ola_worker_units_given_up", "Units that no worker came to an end with.", registry=self.registry
        )
        self._busy = Gauge("ola_worker_busy", "Slots in use.", registry=self.registry)
        Gauge("ola_worker_slots", "Slots.", registry=self.registry).set(slots)

    def taken(self, waited: float) -> None:
        """A unit has waited so long for a worker. Clocks that differ make it too long or too short, never negative."""
        self._wait.observe(max(0.0, waited))

    @contextmanager
    def unit(self, voice: str) -> Iterator[UnitFigures]:
        """Count one unit of this voice; what the block says about it, or that it was stopped."""
        figures = UnitFigures(self._sound, self._first)
        with self._busy.track_inprogress():
            try:
                yield figures
            finally:
                self._units.labels(figures.end).inc()
                if figures.end == "spoken" and figures.seconds:
                    self._factor.labels(voice).observe((monotonic() - figures.begun) / figures.seconds)

    def render(self) -> bytes:
        """Prometheus text format 0.0.4."""
        return generate_latest(self.registry)


class UnitFigures:
    """What is known of one unit."""

    def __init__(self, sound: Counter, first: Histogram) -> None:
        self._sound, self._first, self.begun = sound, first, monotonic()
        self.end = "stopped"
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """So much sound was made."""
        if not self.seconds:
            self._first.observe(monotonic() - self.begun)
        self.seconds += seconds
        self._sound.inc(seconds)
