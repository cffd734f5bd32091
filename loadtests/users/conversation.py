"""One user's conversation in real time: what he asks, what he hears of each answer, and whether it was meant for him.

No I/O, no clock: asked for a message every APPEND seconds, and told what the server says.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtests.stories import Listener
from loadtests.talker import Recording, Talker
from loadtests.turns import Turn, silence, wait
from loadtests.users.answers import Answer, stops_of
from loadtests.users.watchwords import Lent, Verdict

INTERRUPTS_AFTER = 0.7
"""Seconds of an answer that are heard before it is interrupted: the demo's answers are short."""
PATIENCE = 60.0
"""Seconds without a sound after which there is no answer: a slow server is to show as slow, not as broken."""


@dataclass(slots=True)
class Heard:
    """One answer as it came."""

    turn: int
    words: str = ""
    listener: Listener = field(default_factory=Listener)
    last_sound: float = 0.0
    status: str = ""
    """How the server says that it ended; empty: it did not."""


class Conversation:
    """Of as many turns as there are `recordings`, each asking for what `lent` is about."""

    def __init__(self, recordings: Sequence[Recording], lent: Sequence[Lent], *, interrupts: bool) -> None:
        # No turn begins after the last of them: `finished` tells of them all.
        self._talker = Talker(
            recordings, float("inf"), interrupts=interrupts, after=INTERRUPTS_AFTER, patience=PATIENCE
        )
        self._lent = lent
        self._heard: dict[str, Heard] = {}

    def next(self, position: float) -> bytes:
        """The message whose sound begins at `position`."""
        return self._talker.next(position)

    @property
    def finished(self) -> bool:
        """Whether the last turn has been answered, or will not be."""
        turns = len(self._lent)
        return len(self._talker.turns) > turns or (len(self._talker.turns) == turns and self._talker.listening)

    def hear(self, message: bytes, now: float) -> None:
        """Take what the server said at `now`, on the same clock as positions."""
        self._talker.hear(message, now)
        event = json.loads(message)
        match event["type"]:
            case "response.created":
                self._heard[event["response"]["id"]] = Heard(len(self._talker.turns) - 1)
            case "response.output_audio_transcript.delta":
                self._heard[event["response_id"]].words += event["delta"]
            case "response.output_audio.delta":
                heard = self._heard[event["response_id"]]
                heard.listener.hear(b64decode(event["delta"]), now)
                heard.last_sound = now
            case "response.done":
                self._heard[event["response"]["id"]].status = event["response"]["status"]

    def answers(self, began: float, users: int) -> Iterator[Answer]:
        """What came of each turn; the sample clock began at `began`, in seconds of `time.time`."""
        turns = self._talker.turns[: len(self._lent)]
        for number, (turn, lent) in enumerate(zip(turns, self._lent, strict=False)):
            interrupted = turns[number + 1].over if number + 1 < len(turns) else False
            # The last one is the answer to the whole of what he said: others had taken a pause for its end.
            heard = [one for one in self._heard.values() if one.turn == number]
            yield self._answer(turn, lent, heard[-1] if heard else Heard(number), interrupted, began, users)

    def _answer(self, turn: Turn, lent: Lent, heard: Heard, interrupted: bool, began: float, users: int) -> Answer:
        error = self._error(turn, heard)
        verdict = Verdict.FAILED if error else lent.verdict(heard.words)
        if verdict is Verdict.WRONG and interrupted:
            verdict = Verdict.CUT
        words = None if turn.words is None else turn.words - turn.ended
        return Answer(
            kind="realtime",
            spoken=True,
            at=began + turn.ended,
            users=users,
            verdict=verdict,
            whole=max(heard.last_sound - turn.ended, 0.0),
            first_words=words if turn.answered else None,
            first_sound=wait(turn) if turn.answered else None,
            sound=heard.listener.sound,
            stops=stops_of(heard.listener),
            hushed=silence(turn) if turn.over and turn.hushed else None,
            asked=lent.word.said,
            said=heard.words,
            error=error,
        )

    def _error(self, turn: Turn, heard: Heard) -> str:
        errors: list[Any] = self._talker.errors
        if errors:
            return str(errors[0])
        if not turn.answered:
            return "no answer"
        if turn.over and not turn.hushed:
            return "the answer before it went on"
        return f"ended as {heard.status}" if heard.status not in ("completed", "cancelled") else ""
