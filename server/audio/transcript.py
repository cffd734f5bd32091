"""What was heard in a recording, growing segment by segment, and its forms: JSON, text and subtitles. No I/O."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from html import escape
from math import ceil, fsum
from typing import Any

from server.audio.segments import Segment
from server.chunks import Chunk, choice_of, text_of

Logprob = dict[str, Any]

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3000-\u9fff\uff00-\uffef]")
"""Letters of scripts without spaces between words."""


@dataclass(slots=True)
class Line:
    """The words of one segment."""

    start: float
    """Seconds."""
    end: float
    text: str = ""
    tokens: list[int] = field(default_factory=list)
    logprobs: list[Logprob] = field(default_factory=list)


class Transcript:
    """The words of a recording. `add` takes what the model says, segment after segment."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.text = ""
        """All words, joined by a space where the script has any: exactly what `add` has returned."""
        self.seconds = 0.0
        """Of the recording, as far as it was heard."""
        self.tokens_in = self.tokens_out = 0
        self._segment: Segment | None = None
        self._held = ""  # white space at the end of a line, which counts only if words follow

    def add(self, segment: Segment, chunk: Chunk) -> tuple[str, list[Logprob]]:
        """Take a chunk; returns the words that the transcript grew by, and the log-probabilities that came with it."""
        if segment is not self._segment:
            self._segment, self._held = segment, ""
            self.lines.append(Line(segment.start, segment.end))
        if usage := chunk.get("usage"):
            self.tokens_in += usage["prompt_tokens"]
            self.tokens_out += usage["completion_tokens"]
        choice = choice_of(chunk)
        if choice is None:
            return "", []
        line = self.lines[-1]
        scores = (choice.get("logprobs") or {}).get("content") or []
        logprobs = [{name: score[name] for name in ("token", "bytes", "logprob")} for score in scores]
        line.logprobs += logprobs
        line.tokens += choice.get("token_ids") or []
        return self._grow(line, text_of(chunk)), logprobs

    def _grow(self, line: Line, text: str) -> str:
        text = self._held + text
        if not line.text:
            text = text.lstrip()
        words = text.rstrip()
        self._held = text[len(words) :]
        delta = words if line.text or not words else self._joint(words) + words
        line.text += words
        self.text += delta
        return delta

    def _joint(self, words: str) -> str:
        """What stands between the words of two segments."""
        unspaced = _UNSPACED.match(words) and _UNSPACED.match(self.text[-1:])
        return " " if self.text and not unspaced else ""


def token_usage(transcript: Transcript) -> dict[str, Any]:
    """Tokens of all requests to the model together, those of the sound included."""
    spent, made = transcript.tokens_in, transcript.tokens_out
    return {"type": "tokens", "input_tokens": spent, "output_tokens": made, "total_tokens": spent + made}


def verbose(transcript: Transcript, task: str, language: str, temperature: float) -> dict[str, Any]:
    """`verbose_json`, with a segment for every line."""
    lines = enumerate(transcript.lines)
    return {
        "task": task,
        "language": language,
        "duration": round(transcript.seconds, 3),
        "text": transcript.text,
        "segments": [_segment(number, line, temperature) for number, line in lines],
        "usage": {"type": "duration", "seconds": ceil(transcript.seconds)},
    }


def _segment(number: int, line: Line, temperature: float) -> dict[str, Any]:
    packed = line.text.encode()
    scores = [token["logprob"] for token in line.logprobs]
    return {
        "id": number,
        "seek": round(line.start * 100),
        "start": round(line.start, 3),
        "end": round(line.end, 3),
        "text": line.text,
        "tokens": line.tokens,
        "temperature": temperature,
        "avg_logprob": fsum(scores) / len(scores) if scores else 0.0,
        "compression_ratio": len(packed) / len(zlib.compress(packed)),
        "no_speech_prob": 0.0,  # what is not speech makes no segment
    }


def srt(transcript: Transcript) -> str:
    """Subtitles as SubRip writes them; a line without words has none."""
    return "".join(
        f"{number}\n{_clock(line.start, ',')} --> {_clock(line.end, ',')}\n{_block(line.text)}\n\n"
        for number, line in enumerate(_worded(transcript), 1)
    )


def vtt(transcript: Transcript) -> str:
    """WebVTT (W3C), whose text has no bare `&` and `<`."""
    cues = (
        f"{_clock(line.start, '.')} --> {_clock(line.end, '.')}\n{escape(_block(line.text), quote=False)}\n\n"
        for line in _worded(transcript)
    )
    return "WEBVTT\n\n" + "".join(cues)


def _worded(transcript: Transcript) -> list[Line]:
    return [line for line in transcript.lines if line.text]


def _block(text: str) -> str:
    """An empty line would end a subtitle."""
    return re.sub(r"\n\s*\n", "\n", text)


def _clock(seconds: float, point: str) -> str:
    whole = round(seconds * 1000)
    hours, minutes = divmod(whole // 60_000, 60)
    return f"{hours:02}:{minutes:02}:{whole // 1000 % 60:02}{point}{whole % 1000:03}"
