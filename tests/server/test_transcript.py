"""What becomes of a model's chunks: text joined by segments, and its forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from openai.types.audio import TranscriptionVerbose

from server.audio.segments import Segment
from server.audio.transcript import Transcript, srt, token_usage, verbose, vtt


def chunk(text: str, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}} | choice]}


def heard(*lines: tuple[float, tuple[str, ...]]) -> tuple[Transcript, list[str]]:
    """A transcript of segments of a second, and what it grew by each time."""
    transcript, deltas = Transcript(), list[str]()
    for start, pieces in lines:
        segment = Segment(start, np.zeros(16_000, np.float32))
        for piece in pieces:
            delta, _ = transcript.add(segment, chunk(piece))
            deltas.append(delta)
        transcript.add(segment, {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 3}})
    transcript.seconds = 100.0
    return transcript, deltas


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ((("Hello", " there."), ("How", " are you?")), "Hello there. How are you?"),
        (((" Hello ", "there. \n"), ("\n\n How", " ", "", "are you?  ")), "Hello there. How are you?"),
        (((), ("One.",), (" ",), ("Two.",)), "One. Two."),
        ((("你好。",), ("再见",)), "你好。再见"),
        ((("你好",), ("Hello",)), "你好 Hello"),
        ((("",),), ""),
    ],
)
def test_deltas_joined_are_the_text(pieces: tuple[tuple[str, ...], ...], text: str) -> None:
    transcript, deltas = heard(*((float(number), line) for number, line in enumerate(pieces)))
    assert transcript.text == "".join(deltas) == text


def test_usage_is_that_of_all_requests() -> None:
    transcript, _ = heard((0.0, ("a",)), (1.0, ("b",)))
    assert token_usage(transcript) == {"type": "tokens", "input_tokens": 20, "output_tokens": 6, "total_tokens": 26}


def test_subtitles() -> None:
    transcript, _ = heard((0.0, ("One & <two>.",)), (2.0, ("",)), (3599.9996, ("Three\n\nfour.",)))
    assert srt(transcript) == (
        "1\n00:00:00,000 --> 00:00:01,000\nOne & <two>.\n\n2\n01:00:00,000 --> 01:00:01,000\nThree\nfour.\n\n"
    )
    assert vtt(transcript) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nOne &amp; &lt;two&gt;.\n\n"
        "01:00:00.000 --> 01:00:01.000\nThree\nfour.\n\n"
    )


def test_verbose_json_is_the_sdks() -> None:
    transcript = Transcript()
    segment = Segment(1.5, np.zeros(16_000, np.float32))
    score = {"token": "Hi", "bytes": [72, 105], "logprob": -0.5, "top_logprobs": []}
    transcript.add(segment, chunk("Hi", logprobs={"content": [score]}, token_ids=[7]))
    transcript.add(segment, chunk("!", logprobs={"content": [score | {"logprob": -1.5}]}, token_ids=[8]))
    transcript.seconds = 3.25
    answer = TranscriptionVerbose.model_validate(verbose(transcript, "transcribe", "english", 0.2), strict=True)
    assert (answer.text, answer.duration, answer.language) == ("Hi!", 3.25, "english")
    assert answer.usage is not None
    assert answer.usage.seconds == 4
    assert answer.segments is not None
    (line,) = answer.segments
    assert (line.start, line.end, line.tokens, line.avg_logprob, line.seek) == (1.5, 2.5, [7, 8], -1.0, 150)
