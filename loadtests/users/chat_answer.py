"""One chat completion asked for, read as it comes and judged, over a blocking socket (see `blocking_wire`)."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from loadtests.stories import Listener
from loadtests.users.answers import Answer, stops_of
from loadtests.users.watchwords import Lent, Verdict

SECONDS = 120.0
"""For which a server may say nothing."""
MAX_TOKENS = 80
QUIET = 300
"""Of 32768: sound that never gets louder is silence."""


@dataclass(slots=True)
class Received:
    """What came, in seconds from the question."""

    words: str = ""
    first_words: float | None = None
    whole: float = 0.0
    listener: Listener = field(default_factory=Listener)
    loud: bool = False
    """Whether anything is heard in its sound."""
    error: str = ""


def body(content: list[dict[str, Any]], *, spoken: bool) -> dict[str, Any]:
    """Of a question whose answer is the most likely one."""
    asked = {
        "messages": [{"role": "user", "content": content}],
        "temperature": 0,
        "max_tokens": MAX_TOKENS,
        "stream": True,
    }
    speech = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
    return asked | speech if spoken else asked


def ask(host: str, question: dict[str, Any]) -> Received:
    """Ask the server at `host`, `http://name:port`. Whatever goes wrong is in `error`."""
    received, payload = Received(), json.dumps(question).encode()
    address = urlsplit(host)
    started = perf_counter()
    try:
        with closing(HTTPConnection(address.hostname or "", address.port, timeout=SECONDS)) as connection:
            connection.request("POST", "/v1/chat/completions", payload, {"Content-Type": "application/json"})
            read(connection.getresponse(), received, started)
    except (OSError, HTTPException) as error:
        received.error = f"{type(error).__name__}: {error}"
    received.whole = perf_counter() - started
    if not received.error and not received.words:
        received.error = "an answer without words"
    if not received.error and "modalities" in question and not received.loud:
        received.error = "an answer without sound"
    return received


def read(response: HTTPResponse, received: Received, started: float) -> None:
    if response.status != 200:
        received.error = f"{response.status}: {response.read(1000).decode(errors='replace')}"
        return
    for event in events(response):
        now = perf_counter() - started
        if "error" in event:
            received.error = str(event["error"])
            return
        for choice in event["choices"]:
            take(choice["delta"], received, now)


def events(lines: Iterator[bytes] | HTTPResponse) -> Iterator[dict[str, Any]]:
    """The JSON of each event. Raises HTTPException: the stream broke off."""
    for line in lines:
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])
        elif line.startswith(b"data: [DONE]"):
            return
    raise HTTPException("the answer broke off")


def take(delta: dict[str, Any], received: Received, now: float) -> None:
    audio = delta.get("audio") or {}
    if words := (delta.get("content") or "") + (audio.get("transcript") or ""):
        received.words += words
        received.first_words = received.first_words if received.first_words is not None else now
    if data := audio.get("data"):
        pcm = b64decode(data)
        received.listener.hear(pcm, now)
        received.loud = received.loud or loud(pcm)


def loud(pcm: bytes) -> bool:
    return max((abs(sample) for sample in memoryview(pcm).cast("h")[::16]), default=0) > QUIET


def judged(received: Received, lent: Lent, kind: str, *, spoken: bool, at: float, users: int) -> Answer:
    """What came of a question about `lent`, asked at `at`, in seconds of `time.time`."""
    listener = received.listener
    return Answer(
        kind=kind,
        spoken=spoken,
        at=at,
        users=users,
        verdict=Verdict.FAILED if received.error else lent.verdict(received.words),
        whole=received.whole,
        first_words=received.first_words,
        first_sound=listener.first_sound,
        sound=listener.sound,
        stops=stops_of(listener),
        asked=lent.word.said,
        said=received.words,
        error=received.error,
    )
