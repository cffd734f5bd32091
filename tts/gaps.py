"""Where a listener hears nothing although the answer goes on, and what he waits for. Only numbers, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Cause = Literal["text", "queue", "voice", "listener"]
"""The text was not written yet, no worker was free, the voice had not made it, the listener had not taken it."""

NOTICED = 0.1
"""Seconds of silence inside an answer that a listener hears as a gap."""


@dataclass(frozen=True, slots=True)
class Stages:
    """When a sound came how far. Each not before the one above it."""

    text: float
    """Its unit could have been begun."""
    worker: float
    """A worker began it."""
    made: float
    """The voice had made it."""


class Gaps:
    """Those of one answer."""

    def __init__(self) -> None:
        self._longest, self._cause = 0.0, "text"

    def add(self, dry_at: float, now: float, stages: Stages) -> Mapping[Cause, float]:
        """Nothing was left to hear at `dry_at`, and more is taken `now`. Returns how long each cause took."""
        causes, at = dict[Cause, float](), dry_at
        until: tuple[tuple[Cause, float], ...] = (
            ("text", stages.text),
            ("queue", stages.worker),
            ("voice", stages.made),
            ("listener", now),
        )
        for cause, end in until:
            if end > at:
                causes[cause] = min(end, now) - at
                at = min(end, now)
        if now - dry_at > self._longest:
            self._longest, self._cause = now - dry_at, max(causes, key=lambda cause: causes[cause])
        return causes

    @property
    def noticed(self) -> str:
        """Mostly why the longest gap is as long as it is; "none" if nobody notices it."""
        return self._cause if self._longest >= NOTICED else "none"
