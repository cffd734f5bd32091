"""The gateway's own figures for Prometheus (docs/observability.md). vLLM keeps its figures in the process's default
registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from server.settings import counts_together

# Seconds: fine where a listener notices (0.1 to 1), coarse where the answer is late anyway.
_WAITS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0, 4.0)


class Metrics:
    """One registry per app, so that several apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._asked: list[tuple[Gauge, Callable[[], float]]] = []
        self._requests()
        self._sessions()
        self._speech()
        self._media()

    def _requests(self) -> None:
        self.requests = self._counter("ola_requests", "Requests ended, by route and status.", ["route", "status"])
        self.open = self._gauge("ola_requests_open", "Requests being answered.")
        self.rejected = self._counter("ola_rejected_requests", "Requests turned away, by reason.", ["reason"])
        self.first_event = self._waits("ola_first_event_seconds", "Request read to first event sent.", ["route"])
        self.first_sound = self._waits(
            "ola_first_sound_seconds",
            "Request read to first sound sent; of a voice session, answer begun to first sound sent.",
            ["route"],
        )

    def _sessions(self) -> None:
        self.sessions = self._counter("ola_sessions", "WebSocket sessions opened, by route.", ["route"])
        self.sessions_open = self._gauge("ola_sessions_open", "WebSocket sessions open, by route.", ["route"])
        self.resumed = self._counter("ola_sessions_resumed", "Voice sessions that went on in another connection.")
        self.sessions_waiting = self._gauge(
            "ola_sessions_waiting", "Voice sessions kept in this process whose client is gone and may come back."
        )
        self.responses = self._counter(
            "ola_realtime_responses", "Responses of voice sessions, by how they ended.", ["status"]
        )
        self.barge_in = self._waits(
            "ola_barge_in_stop_seconds", "User heard speaking to engine and voice stopped, of answers being made then."
        )

    def _speech(self) -> None:
        self.spoken = self._counter("ola_spoken_seconds", "Seconds of speech made.")
        self.voice_failures = self._counter("ola_voice_failures", "Answers whose voice failed.")
        self.first_sentence = self._waits(
            "ola_first_sentence_seconds", "First text of an answer to its first sentence being ready to speak."
        )
        self.queue_wait = self._waits("ola_tts_queue_wait_seconds", "A unit's wait for a worker.", ["voice"])
        self.first_chunk = self._waits(
            "ola_tts_first_chunk_seconds", "A worker has a unit to its first sound.", ["voice"]
        )
        self.real_time_factor = Histogram(
            "ola_tts_real_time_factor",
            "Seconds of work for a second of sound, by unit.",
            ["voice"],
            buckets=_FACTORS,
            registry=self.registry,
        )
        self.units = self._counter("ola_tts_units", "Units by how they ended: spoken, failed, left.", ["voice", "end"])
        self.units_open = self._gauge("ola_tts_units_open", "Units that wait for a worker or are spoken.", ["state"])
        self.underrun = self._counter(
            "ola_underrun_seconds", "Seconds in which a listener had nothing to hear inside an answer.", ["cause"]
        )
        self.spoken_answers = self._counter(
            "ola_spoken_answers", "Answers heard to their end, by the cause of their longest gap over 100 ms.", ["gap"]
        )

    def _media(self) -> None:
        self.attachments = self._counter(
            "ola_attachments",
            "Attachments, by whether they were decoded, kept from before, or decoded for another request just then.",
            ["found"],
        )
        self.media_bytes = self._counter("ola_media_bytes", "Bytes of attachments as sent.", ["kind"])
        self.media_decode = self._waits("ola_media_decode_seconds", "Decoding of one attachment.", ["kind"])
        self.held_media = self._gauge("ola_held_media_bytes", "Decoded attachments in memory, also kept ones.")

    def _counter(self, name: str, about: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, about, labels, registry=self.registry, multiprocess_mode="livesum")

    def _waits(self, name: str, about: str, labels: Sequence[str] = ()) -> Histogram:
        return Histogram(name, about, labels, buckets=_WAITS, registry=self.registry)

    def ask(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Have `value` say what `gauge` is."""
        gauge.set_function(value)
        self._asked.append((gauge, value))

    def render(self) -> bytes:
        """Both registries in Prometheus text format 0.0.4. Where several processes serve, what all of them count: of
        those that are asked for a value, what each said when it was last here."""
        if counts_together():
            for gauge, value in self._asked:
                gauge.set(value())
            shared = CollectorRegistry()
            MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
            return generate_latest(shared)
        return generate_latest(self.registry) + generate_latest(REGISTRY)
