"""The one who hears a session's answers: plays what comes, one after the other, and stops when he is told."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from tts.voice import WIRE_RATE


@dataclass(slots=True)
class _Piece:
    item_id: str
    begins: float
    samples: int


class Listener:
    """Knows when each sample of PCM at WIRE_RATE is played, by the events and the times at which they came."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._silenced: set[str] = set()
        self.cleared: dict[str, dict[str, int]] = {}
        """By response: samples that he had heard of each item when he was told to be rid of it."""

    def take(self, event: dict[str, Any], now: float) -> None:
        """The next event, at this time."""
        match event["type"]:
            case "response.output_audio.delta":
                last = self._pieces[-1] if self._pieces else None
                ends = now if last is None else max(now, last.begins + last.samples / WIRE_RATE)
                samples = len(b64decode(event["delta"])) // 2
                self._pieces.append(_Piece(event["item_id"], ends, samples))
            case "output_audio_buffer.cleared":
                self._silenced.update(piece.item_id for piece in self._pieces)
                heard = {piece.item_id: self.samples(piece.item_id, now) for piece in self._pieces}
                self.cleared[event["response_id"]] = heard
                self._pieces = [piece for piece in self._pieces if piece.begins < now]
                if self._pieces:
                    last = self._pieces[-1]
                    last.samples = min(last.samples, round((now - last.begins) * WIRE_RATE))

    def samples(self, item_id: str, now: float) -> int:
        """What he has heard of an item."""
        heard = [min(piece.samples, round((now - piece.begins) * WIRE_RATE)) for piece in self._of(item_id)]
        return sum(max(0, samples) for samples in heard)

    def was_silenced(self, item_id: str) -> bool:
        """Whether he was told to stop while he heard it, or before; or after, which changes nothing."""
        return item_id in self._silenced

    def ends(self, item_id: str) -> float:
        """When the last that came of an item is played."""
        last = self._of(item_id)[-1]
        return last.begins + last.samples / WIRE_RATE

    def _of(self, item_id: str) -> list[_Piece]:
        return [piece for piece in self._pieces if piece.item_id == item_id]
