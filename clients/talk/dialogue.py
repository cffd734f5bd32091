"""The turns of a voice session, out of its events: who said what, how soon it was answered, where it was interrupted.

Core without I/O: it is told each event and the time, and gives back what is to be shown. A turn's words are shown in
the order of a conversation, although what the user said is written down beside the answer and mostly comes later.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from clients.loudspeaker import RATE

TRANSCRIPT = "conversation.item.input_audio_transcription"


@dataclass(slots=True, eq=False)
class Turn:
    """Something the user said, and the answer to it. Times are the clock's."""

    item_id: str | None
    """None: nobody spoke, the answer was asked for otherwise."""
    ended: float | None = None
    """When the user stopped speaking."""
    you: str | None = None
    response_id: str | None = None
    answer_id: str = ""
    """The item that the answer is."""
    ola: str = ""
    sound: float = 0.0
    """Seconds of it that came."""
    first_sound: float | None = None
    status: str = ""
    """Of the answer, when it has ended: completed, cancelled, incomplete, failed, unanswered."""
    problem: str = ""
    interrupted: float | None = None
    """Seconds of it that had been heard then."""
    shown: int = -1
    """Letters of the answer; -1: not even what the user said."""

    @property
    def latency(self) -> float | None:
        """Seconds from the end of the user's speech to the first sound of the answer."""
        return None if self.ended is None or self.first_sound is None else self.first_sound - self.ended


@dataclass(frozen=True, slots=True)
class Said:
    """Words to show: all of what the user said, or how the answer goes on."""

    who: Literal["you", "ola"]
    words: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more comes of this turn."""

    turn: Turn


class Dialogue:
    """Fed with events in their order."""

    def __init__(self, spoken_at: Callable[[int], float]) -> None:
        """`spoken_at` tells when a millisecond of the user's sound was spoken."""
        self._spoken_at = spoken_at
        self.turns: list[Turn] = []
        self._open: list[Turn] = []
        """Not shown to their end."""
        self._silenced: set[str] = set()

    @property
    def answers(self) -> int:
        """How many have ended, one way or another."""
        return sum(bool(turn.status) for turn in self.turns)

    @property
    def current(self) -> Turn | None:
        """The turn whose answer came last, or still comes."""
        return next((turn for turn in reversed(self.turns) if turn.response_id), None)

    def sound(self, event: Any, now: float) -> bytes:
        """The PCM of an event that has some: nothing if its answer was interrupted."""
        turn = self._answered(event.response_id)
        if turn is None or event.response_id in self._silenced:
            return b""
        pcm = b64decode(event.delta)
        turn.first_sound = turn.first_sound or now
        turn.answer_id = event.item_id
        turn.sound += len(pcm) / 2 / RATE
        return pcm

    def interrupt(self, left: float) -> Turn | None:
        """The listener is to hear no more of the answer, of which `left` seconds have not been played. The turn, unless
        nothing was playing."""
        turn = self.current
        if turn is None or (turn.status and not left) or turn.response_id in self._silenced:
            return None
        self._silenced.add(turn.response_id or "")
        turn.interrupted = max(0.0, turn.sound - left)
        return turn

    def feed(self, event: Any) -> list[Said | Ended]:
        """The next event. What is to be shown now."""
        match event.type:
            case "input_audio_buffer.speech_started":
                self._begin(event.item_id)
            case "input_audio_buffer.speech_stopped":
                self._turn(event.item_id).ended = self._spoken_at(event.audio_end_ms)
            case "response.created":
                if not self.turns or self.turns[-1].response_id:
                    self._begin(None)
                self.turns[-1].response_id = event.response.id
            case "response.output_audio_transcript.delta" if turn := self._answered(event.response_id):
                turn.ola += event.delta
            case "response.done" if turn := self._answered(event.response.id):
                turn.status = event.response.status or "completed"
                details = event.response.status_details
                turn.problem = str(details.error.code) if details and details.error else ""
            case kind if kind == f"{TRANSCRIPT}.completed":
                self._turn(event.item_id).you = event.transcript.strip()
            case kind if kind == f"{TRANSCRIPT}.failed":
                self._turn(event.item_id).you = "(not understood)"
        return self._to_show()

    def _begin(self, item_id: str | None) -> None:
        if self.turns and not self.turns[-1].response_id:
            self.turns[-1].status = "unanswered"
        turn = Turn(item_id, you="" if item_id is None else None)
        self.turns.append(turn)
        self._open.append(turn)

    def _turn(self, item_id: str) -> Turn:
        return next(turn for turn in reversed(self.turns) if turn.item_id == item_id)

    def _answered(self, response_id: str) -> Turn | None:
        return next((turn for turn in reversed(self.turns) if turn.response_id == response_id), None)

    def _to_show(self) -> list[Said | Ended]:
        shown: list[Said | Ended] = []
        while self._open and (turn := self._open[0]).you is not None:
            if turn.shown < 0:
                turn.shown = 0
                shown += [Said("you", turn.you)] if turn.you else []
            if len(turn.ola) > turn.shown:
                shown.append(Said("ola", turn.ola[turn.shown :]))
                turn.shown = len(turn.ola)
            if not turn.status:
                break
            shown.append(Ended(self._open.pop(0)))
        return shown
