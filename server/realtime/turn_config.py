"""How turns are told from silence: the fields of OpenAI's `turn_detection`, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Eagerness = Literal["low", "medium", "high", "auto"]

LONGEST_WAIT_MS: Mapping[Eagerness, int] = MappingProxyType({"low": 8000, "medium": 4000, "auto": 4000, "high": 2000})
"""For more of an unfinished sentence, as OpenAI's reference has it."""


@dataclass(frozen=True, slots=True)
class ServerVad:
    """A turn ends with a silence."""

    threshold: float = 0.5
    """Probability of speech in a window, from which it counts as speech."""
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: int | None = None
    """After a reply has been played, until the model speaks again by itself."""


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """A turn ends with a silence, the shorter the more what was said sounds finished."""

    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True

    @property
    def longest_wait_ms(self) -> int:
        return LONGEST_WAIT_MS[self.eagerness]


TurnConfig = ServerVad | SemanticVad
