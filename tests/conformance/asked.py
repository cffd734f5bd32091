"""What the conformance tests ask the demo model, and what it answers."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

EXAMPLES = Path("models/ola-demo/examples")
MODEL = "ola-demo"
HELLO: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Hello."}],
    "temperature": 0,
    "max_completion_tokens": 12,
}
SPOKEN: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION: dict[str, Any] = {"name": "weather", "description": "The weather in a city.", "parameters": PARAMETERS}
FORCED: dict[str, Any] = FUNCTION | {"strict": True, "parameters": {"const": {"city": "Rome"}}}
"""A call that can only be written in one way: the demo model would fill its arguments with spaces."""
SAID = "Let me look."
CALL = f'{SAID} <tool_call>\n{{"name": "weather", "arguments": {{"city": "Rome"}}}}\n</tool_call>'
CALLING: dict[str, Any] = {"structured_outputs": {"choice": [CALL]}}
"""The demo model knows no tools; so it is made to say this."""
SCHEMA: dict[str, Any] = {"enum": [1, 2]}
"""No object: the demo model has never written one, and would fill it with spaces."""


def encoded(name: str) -> str:
    return base64.b64encode((EXAMPLES / name).read_bytes()).decode()


def picture() -> str:
    return f"data:image/png;base64,{encoded('shapes.png')}"
