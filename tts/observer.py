"""Whoever wants to know how speech goes: waits, first chunks, gaps. Knows no Prometheus and no traces.

All of it is told from inside the answer's tasks, so that no method may wait. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tts.gaps import Cause


class UnitObserver(Protocol):
    """Hears of one unit that a worker speaks. The unit was left if nothing says how it ended."""

    def first_chunk(self, seconds: float) -> None:
        """The first sound of it came so long after the worker had it."""
        ...

    def spoken(self, seconds: float, sound: float) -> None:
        """To its end: so long it took, so long it sounds."""
        ...

    def failed(self) -> None:
        """Nobody could speak it, or not to its end."""
        ...


class Observer(Protocol):
    """Hears of one answer."""

    def first_unit(self, seconds: float) -> None:
        """There was something to speak so long after the first text."""
        ...

    def waiting(self) -> AbstractContextManager[None]:
        """The block waits for a worker."""
        ...

    def unit(self, waited: float) -> AbstractContextManager[UnitObserver]:
        """The block has one unit spoken that has waited so long for a worker; entered in a task that does no more."""
        ...

    def gap(self, causes: Mapping[Cause, float]) -> None:
        """The listener had nothing to hear, for so many seconds for each cause."""
        ...

    def ended(self, noticed: str) -> None:
        """All that is going to be heard was handed out; `noticed` as in `tts.gaps.Gaps`. Silent answers have no end."""
        ...


class Unobserved:
    """Nobody wants to know. Implements `Observer` and `UnitObserver`."""

    def first_chunk(self, seconds: float) -> None: ...
    def spoken(self, seconds: float, sound: float) -> None: ...
    def failed(self) -> None: ...
    def first_unit(self, seconds: float) -> None: ...
    def gap(self, causes: Mapping[Cause, float]) -> None: ...
    def ended(self, noticed: str) -> None: ...

    @contextmanager
    def waiting(self) -> Generator[None, None, None]:
        yield

    @contextmanager
    def unit(self, waited: float) -> Generator[UnitObserver, None, None]:
        yield self
