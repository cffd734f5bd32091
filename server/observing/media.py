"""What attachments cost, as figures. Implements `server.media.figures.Figures`."""

from __future__ import annotations

from contextlib import AbstractContextManager

from server.media.shelf import Found
from server.metrics import Metrics


class MediaFigures:
    """Those of one app."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def received(self, kind: str, size: int) -> None:
        self._metrics.media_bytes.labels(kind).inc(size)

    def found(self, found: Found) -> None:
        self._metrics.attachments.labels(found).inc()

    def decoding(self, kind: str) -> AbstractContextManager[object]:
        return self._metrics.media_decode.labels(kind).time()
