"""What a fresh server says: commands to paste that show its model at work.

A checkpoint may bring files to show in `examples/`, with `examples.json` naming what to ask of each and what it should
answer, as the demo model does; for others there is a blue square, or a greeting if they cannot see.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

SQUARE = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR42mOUi7rDgA0wMeAAg1MCAA1RAWQR9sbeAAAAAElFTkSuQmCC"
PICTURE, RECORDING, VIDEO = "image_url", "input_audio", "video_url"
KINDS = {".png": PICTURE, ".wav": RECORDING, ".mp4": VIDEO}
HEADS = {PICTURE: "data:image/png;base64,", VIDEO: "data:video/mp4;base64,"}
JSON = "-H 'Content-Type: application/json'"
BODY = "BODY"
"""Stands for the file's bytes while the request is put together."""


def welcome(url: str, model: str, *, sees: bool = True, keyed: bool = False) -> str:
    """Commands for a server at `url` with the checkpoint `model`, a folder or a hub id; `sees`: it takes pictures;
    `keyed`: it wants a key."""
    shown = _commands(url, model, sees=sees)
    return shown.replace(JSON, f'{JSON} -H "Authorization: Bearer $OLA_KEY"') if keyed else shown


def _commands(url: str, model: str, *, sees: bool) -> str:
    folder = Path(model) / "examples"
    index = folder / "examples.json"
    if not index.is_file():
        return curl(url, request(PICTURE, "What do you see?"), SQUARE) if sees else curl(url, request("", "Hello!"), "")
    shown = json.loads(index.read_text(encoding="utf-8"))
    return "\n\n".join(shown_command(url, folder, example) for example in shown)


def shown_command(url: str, folder: Path, example: dict[str, str]) -> str:
    path = folder / example["file"]
    near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    body = request(KINDS[path.suffix], example["question"])
    command = curl(url, body, f"$(base64 < {shlex.quote(str(near))} | tr -d '\\n')")
    return f"# {example['file']}, it should answer: {example['answer']}\n{command}"


def request(kind: str, question: str) -> str:
    """A chat completion's JSON body with one attachment, whose bytes are still to be put in; without a kind none."""
    content: list[dict[str, Any]] = []
    if kind:
        value = {"data": BODY, "format": "wav"} if kind == RECORDING else {"url": HEADS[kind] + BODY}
        content.append({"type": kind, kind: value})
    if question:
        content.append({"type": "text", "text": question})
    return json.dumps({"messages": [{"role": "user", "content": content}], "temperature": 0, "max_tokens": 64})


def curl(url: str, body: str, data: str) -> str:
    """The body comes through a pipe, because a command line has no room for a video."""
    filled = body.replace(BODY, data)
    return f"curl {url}/v1/chat/completions {JSON} -d @- <<EOF\n{filled}\nEOF"
