"""Text on its way to a voice, handed over as the voice gets through it. Knows neither voice nor socket.

To split a text and to put it in words takes milliseconds a line: a long one all at once would hold up everybody else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

import anyio

from tts.wake import Wake

_PIECE = 400
"""Characters handed over at a time."""
_AHEAD = 2000
"""Characters handed over and not yet begun, white space aside: minutes of speech, more than is made ahead."""
_STILL = 0.5
"""Seconds in which no unit begins, after which more is handed over: a block of code is one unit, however long."""
_MOST = 4
"""Pieces that are then handed over as one: each time twice as many as before, up to this."""
_BETWEEN_WORDS = re.compile(r"\w\s(?=\S)")


class PacedText:
    """A text that may grow while it is spoken, for one reader."""

    def __init__(self, text: str = "") -> None:
        self._rest, self._ahead, self._ended = text, 0, False
        self._several = 1
        self._news = Wake()

    @property
    def waiting(self) -> int:
        """Characters that nobody has begun to say."""
        return len(self._rest) + self._ahead

    def append(self, text: str) -> None:
        """Let the text go on."""
        self._rest += text
        self._news.up()

    def end(self) -> None:
        """No more text comes."""
        self._ended = True
        self._news.up()

    def begun(self, text: str) -> None:
        """A unit of this text is being said (`tts.events.Begun.text`)."""
        self._ahead -= _ink(text)
        self._several = 1
        self._news.up()

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The text in order, in pieces of any size; waits while the voice is far behind, and never for ever."""
        still = False
        while True:
            if self._rest and (still or self._ahead < _AHEAD):
                self._several = min(2 * self._several, _MOST) if still else 1
                still = False
                cut = _cut(self._rest, self._several * _PIECE)
                piece, self._rest = self._rest[:cut], self._rest[cut:]
                self._ahead += _ink(piece)
                yield piece
            elif self._ended and not self._rest:
                return
            else:
                with anyio.move_on_after(_STILL if self._rest else None) as patience:
                    await self._news.wait()
                still = patience.cancelled_caught


def _cut(text: str, piece: int) -> int:
    """Between two words if possible: a text that pauses after a stop is taken to have ended its sentence."""
    if len(text) <= piece:
        return len(text)
    return max((match.end() for match in _BETWEEN_WORDS.finditer(text, 0, piece)), default=piece)


def _ink(text: str) -> int:
    """Characters without white space, of which a unit may show less than was written."""
    return len("".join(text.split()))
