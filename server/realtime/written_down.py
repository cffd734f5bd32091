"""What the user said, written down beside the answers: `conversation.item.input_audio_transcription.*`."""

from __future__ import annotations

import logging
from typing import Any

from engine.api import EngineError
from server.errors import describe
from server.realtime.config import Transcription
from server.realtime.items import Message, Watched
from server.realtime.shared import Shared
from server.realtime.transcribing import Completed, Delta, transcribing
from server.realtime.turn_sound import Samples

logger = logging.getLogger(__name__)

_EVENT = "conversation.item.input_audio_transcription"


class WrittenDown:
    """Transcripts of one session's turns, each made in a task of the session's group."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def begin(self, turn: Message, samples: Samples) -> None:
        """Write down the last part of a turn, if the session wants to know."""
        if (asked := self._shared.config.transcription) is not None:
            self._shared.group.start_soon(self._write, turn, samples, asked, name="transcript")

    async def words_of(self, samples: Samples) -> str:
        """What is said in sound that belongs to no item yet; nobody is told. Cancelling it aborts the request.

        Raises:
            EngineError: it cannot be known.
        """
        asked = self._shared.config.transcription
        language = None if asked is None else asked.language
        async with transcribing(self._shared.parts.engine, samples, language=language) as words:
            async for word in words:
                if isinstance(word, Completed):
                    return word.text
        return ""

    async def _write(self, turn: Message, samples: Samples, asked: Transcription) -> None:
        shared, place = self._shared, {"item_id": turn.id, "content_index": _index_told(turn)}
        model = asked.model and shared.facts.transcriber(asked.model, "model")
        try:
            async with transcribing(
                shared.parts.engine,
                samples,
                model=model,
                language=asked.language,
                prompt=asked.hint,
                logprobs=shared.config.logprobs,
            ) as words:
                async for word in words:
                    self._tell(word, turn, place)
        except EngineError as error:
            logger.info("A turn could not be written down: %s", error.message)
            failure = describe(error)
            told = {"type": failure.type, "code": failure.code, "message": failure.message, "param": failure.param}
            shared.emit(f"{_EVENT}.failed", **place, error=told)

    def _tell(self, word: Delta | Completed, turn: Message, place: dict[str, Any]) -> None:
        shared, logprobs = self._shared, word.logprobs if self._shared.config.logprobs else None
        match word:
            case Delta(text):
                shared.emit(f"{_EVENT}.delta", **place, delta=text, logprobs=logprobs)
            case Completed(text, _, usage):
                if shared.conversation.transcribed(turn.id, len(turn.content) - 1, text):
                    shared.notes.item_changed(turn.id)
                told = {"transcript": text, "usage": usage, "logprobs": logprobs}
                shared.emit(f"{_EVENT}.completed", **place, **told)


def _index_told(turn: Message) -> int:
    """Of the last part, among those that clients see: frames are none (`item_json`)."""
    return sum(not isinstance(part, Watched) for part in turn.content[:-1])
