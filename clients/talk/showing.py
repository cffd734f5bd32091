"""What is seen of a voice conversation: its words as they come, how quick each answer was; or a JSON object a turn."""

from __future__ import annotations

import json
import sys
from typing import Any

from clients.talk.dialogue import Ended, Said, Turn


class Shown:
    """Prints to standard output; what is beside the words goes to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._open = False
        """Whether a line of the answer's has begun."""

    def show(self, news: list[Said | Ended]) -> None:
        for piece in news:
            if self._as_json:
                if isinstance(piece, Ended):
                    print(json.dumps(_object(piece.turn), ensure_ascii=False), flush=True)
            elif isinstance(piece, Ended):
                self._end(piece.turn)
            elif piece.who == "you":
                print(f"you: {piece.words}", flush=True)
            else:
                print(piece.words if self._open else f"ola: {piece.words}", end="", flush=True)
                self._open = True

    def _end(self, turn: Turn) -> None:
        if self._open:
            print(flush=True)
        self._open = False
        print(f"     {', '.join(_figures(turn))}", file=sys.stderr, flush=True)


def _figures(turn: Turn) -> list[str]:
    figures = []
    if turn.latency is not None:
        figures.append(f"first sound {turn.latency:.2f} s after you stopped")
    if turn.interrupted is not None:
        figures.append(f"interrupted after {turn.interrupted:.1f} s")
    if turn.status not in ("completed", "cancelled"):
        figures.append(f"{turn.status} {turn.problem}".strip())
    return figures or ["done"]


def _object(turn: Turn) -> dict[str, Any]:
    latency, interrupted = turn.latency, turn.interrupted
    return {
        "you": turn.you or None,
        "ola": turn.ola,
        "status": turn.status,
        "problem": turn.problem or None,
        "first_sound_seconds": None if latency is None else round(latency, 3),
        "heard_seconds": round(turn.sound if interrupted is None else interrupted, 3),
        "interrupted_after_seconds": None if interrupted is None else round(interrupted, 3),
    }
