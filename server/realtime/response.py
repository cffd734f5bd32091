"""A response as `response.created` and `response.done` show it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from server.errors import describe
from server.realtime.config import ResponseConfig
from server.realtime.item_json import item_json
from server.realtime.items import Item
from server.realtime.shown import format_json
from server.realtime.usage import response_usage

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a response ended. Without a reason or an error: as it should."""

    reason: Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"] | None = None
    error: Exception | None = None

    @property
    def status(self) -> str:
        if self.error is not None:
            return "failed"
        match self.reason:
            case None:
                return "completed"
            case "turn_detected" | "client_cancelled":
                return "cancelled"
        return "incomplete"

    @property
    def details(self) -> Json | None:
        if self.error is not None:
            failure = describe(self.error)
            told = {"type": failure.type, "code": failure.code, "message": failure.message}
            return {"type": "failed", "error": told}
        return None if self.reason is None else {"type": self.status, "reason": self.reason}


def response_json(
    response_id: str,
    asked: ResponseConfig,
    conversation_id: str,
    ending: Ending | None = None,
    output: Sequence[Item] = (),
    usage: Json | None = None,
) -> Json:
    """`ending` None: it goes on. `usage` is that of the chat completion behind it."""
    config = asked.config
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": "in_progress" if ending is None else ending.status,
        "status_details": None if ending is None else ending.details,
        "output": [item_json(item) for item in output],
        "conversation_id": conversation_id if asked.in_conversation else None,
        "output_modalities": [config.modality],
        "max_output_tokens": config.max_output_tokens or "inf",
        "audio": {"output": {"format": format_json(config.output_format), "voice": config.voice}},
        "usage": None if usage is None else response_usage(usage),
        "metadata": None if asked.metadata is None else dict(asked.metadata),
    }
