"""The gateway's way from a chat request to the engine's input, in one process and without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from vllm.engine.arg_utils import EngineArgs
from vllm.renderers.registry import renderer_from_config

from engine.attachments import TABLE, install
from engine.client import chat_body
from engine.plugin import register

Messages = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str
    ids: list[int]


class Rendering:
    """vLLM's own parser, renderer and tokenizer for a checkpoint. `options` are engine arguments."""

    def __init__(self, model: Path, **options: Any) -> None:
        register()
        install()
        config = EngineArgs(model=str(model), dtype="float32", **options).create_engine_config()
        self.config, self.renderer = config.model_config, renderer_from_config(config)
        self.tokenizer = self.renderer.get_tokenizer()

    def __call__(self, messages: Messages, *, template: str | None = None, **request: Any) -> Rendered:
        """The prompt before attachments take their rows; `template` is a --chat-template."""
        return anyio.run(self._render, {"messages": messages} | request, template)

    async def _render(self, request: dict[str, Any], template: str | None) -> Rendered:
        body, table = chat_body(request)
        TABLE.set(table)
        given = {"tools": [tool.model_dump() for tool in body.tools or []] or None, "tokenize": False}
        params = body.build_chat_params(template, "auto").with_defaults(given)
        _, prompt = await self.renderer.render_messages_async(body.messages, params)
        tokens = await self.renderer.tokenize_prompt_async(prompt, body.build_tok_params(self.config))
        return Rendered(prompt["prompt"], tokens["prompt_token_ids"])

    def expand(self, messages: Messages) -> Mapping[str, Any]:
        """The engine's input: one token for every row."""
        return anyio.run(self._expand, messages)

    async def _expand(self, messages: Messages) -> Mapping[str, Any]:
        body, table = chat_body({"messages": messages})
        TABLE.set(table)
        params = body.build_chat_params(None, "auto").with_defaults({"tokenize": False})
        _, [inputs] = await self.renderer.render_chat_async([body.messages], params)
        expanded: Mapping[str, Any] = inputs
        return expanded
