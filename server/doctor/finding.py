"""What was found about one thing: fine, worth knowing, or broken, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`broken`: a server would not start or not answer. `warning`: it would, with less than could be had."""

    subject: str
    state: State
    says: str
    fix: str = ""
    """What to do; empty if nothing has to be done."""


def ok(subject: str, says: str) -> Finding:
    return Finding(subject, "ok", says)


def warning(subject: str, says: str, fix: str) -> Finding:
    return Finding(subject, "warning", says, fix)


def broken(subject: str, says: str, fix: str) -> Finding:
    return Finding(subject, "broken", says, fix)
