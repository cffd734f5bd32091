"""Holds a conversation over /v1/realtime: one thread speaks in real time, another one hears. Under Locust both are
greenlets, and nothing here knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from time import perf_counter, sleep, time
from typing import Any

from loadtests.talker import APPEND
from loadtests.talking import Sent
from loadtests.users.blocking_wire import BlockingWire
from loadtests.users.conversation import Conversation
from loadtests.wire import WireError, framed

SECONDS = 60.0
"""For which a server may say nothing while somebody talks."""
SESSION: dict[str, Any] = {
    "type": "realtime",
    "audio": {
        "input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}},
        "output": {"voice": "alloy"},
    },
}

_Messages = Iterator[tuple[bytes, float]]


def hold(url: str, conversation: Conversation, sent: Sent) -> float:
    """Talk until `conversation` is finished; `sent` is told how well the time was kept. Gives the moment at which
    positions were 0, in seconds of `time.time`.

    Raises:
        OSError, WireError: the server refused or ended it.
    """
    with ThreadPoolExecutor(1) as threads, closing(BlockingWire(url, SECONDS)) as wire:
        messages = wire.messages()
        wire.send(framed({"type": "session.update", "session": SESSION}))
        _wait_for("session.updated", messages)
        began, began_at = perf_counter(), time()
        hearing = threads.submit(_hear, messages, conversation, began)
        _speak(wire, conversation, began, hearing, sent)
        wire.close()
        hearing.result()
    return began_at


def _wait_for(kind: str, messages: _Messages) -> None:
    for message, _ in messages:
        event = json.loads(message)
        if event["type"] == kind:
            return
        if event["type"] == "error":
            raise WireError(str(event["error"]))
    raise WireError(f"closed before {kind}")


def _hear(messages: _Messages, conversation: Conversation, began: float) -> None:
    for message, now in messages:
        conversation.hear(message, now - began)


def _speak(wire: BlockingWire, conversation: Conversation, began: float, hearing: Future[None], sent: Sent) -> None:
    appends = 0
    while not conversation.finished and not hearing.done():
        due = began + (appends + 1) * APPEND
        sleep(max(due - perf_counter(), 0))
        sent.note(perf_counter() - due)
        wire.send(conversation.next(appends * APPEND))
        appends += 1
