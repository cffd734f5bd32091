"""How long one request has been where: for its headers, its log line and the figures. Knows no request's content."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from starlette.requests import HTTPConnection
from starlette.types import Scope


class Timing:
    """Phases in the order in which they end; each begins where the one before ended. Times are seconds."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._began = self._lap = self._read = clock()
        self.route = "unknown"
        """The pattern of the route that answers."""
        self.phases: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        """This phase ends now. One that comes again goes on."""
        now = self._clock()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._lap
        self._lap = now

    def read(self) -> None:
        """The request was read: what its client waits for from now on is ours."""
        self.lap("read")
        self._read = self._lap

    @property
    def waited(self) -> float:
        """Since the request was read; of a session, since it was opened."""
        return self._clock() - self._read

    @property
    def elapsed(self) -> float:
        """Since the request came."""
        return self._clock() - self._began

    @property
    def header(self) -> bytes:
        """Of `Server-Timing` (W3C), in milliseconds."""
        phases = self.phases | {"total": self.elapsed}
        return ", ".join(f"{name};dur={1000 * seconds:.1f}" for name, seconds in phases.items()).encode()


def timing_of(connection: HTTPConnection) -> Timing:
    """That of this request or session, as `server.boundary` has left it."""
    timing: Timing = connection.scope["state"]["timing"]
    timing.route = route_of(connection.scope)
    return timing


def route_of(scope: Scope) -> str:
    """The route's pattern: a path from outside would let clients grow the figures without end."""
    return getattr(scope.get("route"), "path", "unknown")
