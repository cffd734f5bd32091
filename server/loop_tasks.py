"""How many tasks the event loop has: one that is never awaited shows here long before it shows in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class LoopTasks(Collector):
    """Of the loop that the figures are read in; nothing where there is none."""

    def collect(self) -> Iterator[Metric]:
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:
            return
        yield GaugeMetricFamily("ola_event_loop_tasks", "Tasks of the event loop.", value=tasks)

    def describe(self) -> Iterator[Metric]:
        """The name alone, so that registering needs no loop."""
        yield GaugeMetricFamily("ola_event_loop_tasks", "Tasks of the event loop.")
