"""Patience runs out in its time, counted from what began last, and never while nothing is waited for."""

from __future__ import annotations

import anyio
import pytest

from server.realtime import patience as module
from server.realtime.patience import Patience

pytestmark = pytest.mark.anyio


class HandTime:
    """The clock of the module and its sleep, in which time goes by at once and things happen at their time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.sleeps = 100.0, 0
        self.happens: list[tuple[float, str]] = []
        self.patience = Patience(20)
        monkeypatch.setattr(module, "monotonic", lambda: self.now)
        monkeypatch.setattr(anyio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        until = self.now + seconds
        self.sleeps += 1
        while self.happens and self.happens[0][0] <= until:
            self.now, what = self.happens.pop(0)
            getattr(self.patience, what)()
        self.now = until


@pytest.mark.parametrize(
    ("happens", "out"),
    [
        ([(101, "begin")], 121),
        ([(101, "begin"), (102, "end"), (119, "begin")], 139),
        ([(120, "begin"), (139, "end"), (139.5, "begin")], 159.5),
        ([(100 + second, what) for second in range(1, 90) for what in ("end", "begin")], 209),
    ],
)
async def test_it_runs_out_after_what_began_last(
    monkeypatch: pytest.MonkeyPatch, happens: list[tuple[float, str]], out: float
) -> None:
    time = HandTime(monkeypatch)
    time.happens = happens
    await time.patience.out()
    assert time.now == out
    assert time.happens == []
    assert time.sleeps <= (out - 100) / 20 * 2 + 1
