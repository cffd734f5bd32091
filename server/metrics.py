"""The gateway's own figures for Prometheus. vLLM keeps its figures in the process's default registry."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# Seconds: fine where a listener notices (0.1 to 1), coarse where the answer is late anyway.
_WAITS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class Metrics:
    """One registry per app, so that several apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ola_requests", "Requests ended, by route and status.", ["route", "status"], registry=self.registry
        )
        self.open = Gauge(
            "ola_requests_open", "Requests being answered.", registry=self.registry, multiprocess_mode="livesum"
        )
        self.rejected = Counter(
            "ola_rejected_requests", "Requests turned away, by reason.", ["reason"], registry=self.registry
        )
        self.first_event = Histogram(
            "ola_first_event_seconds", "Request read to first event sent.", buckets=_WAITS, registry=self.registry
        )
        self.first_sound = Histogram(
            "ola_first_sound_seconds", "Request read to first sound sent.", buckets=_WAITS, registry=self.registry
        )
        self.spoken = Counter("ola_spoken_seconds", "Seconds of speech made.", registry=self.registry)
        self.voice_failures = Counter("ola_voice_failures", "Answers whose voice failed.", registry=self.registry)
        self.attachments = Counter(
            "ola_attachments",
            "Attachments, by whether they were decoded, kept from before, or decoded for another request just then.",
            ["found"],
            registry=self.registry,
        )
        self.held_media = Gauge(
            "ola_held_media_bytes",
            "Decoded attachments in memory, also kept ones.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    def found(self, how: str, held_bytes: int) -> None:
        """An attachment was; so many bytes of them are held now, which other processes know from here."""
        self.attachments.labels(how).inc()
        self.held_media.set(held_bytes)

    def render(self) -> bytes:
        """Both registries in Prometheus text format 0.0.4; where several processes serve, of all of them together."""
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # how prometheus_client is told, and others are
            shared = CollectorRegistry()
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
            return generate_latest(shared)
        return generate_latest(self.registry) + generate_latest(REGISTRY)
