"""A conversation kept in a file, so that the next `ola chat` goes on with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clients.ending import ClientError


def read(path: Path) -> list[dict[str, Any]]:
    """Its messages; none if there is no such file yet.

    Raises:
        ClientError: it is not a conversation.
    """
    try:
        messages = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ClientError(f"cannot read {path} as a conversation: {error}") from None
    if not isinstance(messages, list) or not all(
        isinstance(message, dict) and "role" in message for message in messages
    ):
        raise ClientError(f"{path} is no conversation: a list of messages with their roles is wanted")
    return messages


def write(path: Path, messages: list[dict[str, Any]]) -> None:
    """Replace the file, whole or not at all. ClientError if that is impossible."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(json.dumps(messages, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise ClientError(f"cannot write {path}: {error.strerror}") from None


def said(message: dict[str, Any]) -> str:
    """A message in one line: its words, and what is attached."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return f"{message['role']}: {content}"
    parts = [part["text"] if part["type"] == "text" else f"[{part['type']}]" for part in content]
    return f"{message['role']}: {' '.join(parts)}"
