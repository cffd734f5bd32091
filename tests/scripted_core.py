"""vLLM's serving objects over an engine core that says what a test tells it. Rendering and parsing are real.

For what a model would have to be brought to say: calls of tools, thoughts, markup.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

from starlette.datastructures import State
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.outputs import CompletionOutput, RequestOutput
from vllm.renderers import renderer_from_config
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.input_processor import InputProcessor

from engine.attachments import install
from engine.client import VllmEngine, engine_arguments, set_defaults


class ScriptedCore:
    """In the place of vLLM's `AsyncLLM`: answers every request with `text`, token by token."""

    def __init__(self, config: Any) -> None:
        self.vllm_config, self.model_config = config, config.model_config
        self.renderer = renderer_from_config(config)
        self.input_processor = InputProcessor(config, self.renderer)
        self.text = "Hello there."
        self.finish_reason = "stop"
        self.prompts: list[Any] = []
        self.trace_headers: list[Any] = []
        self.is_running, self.errored = True, False

    def check_admission(self, count: int) -> None:
        """There is always room."""

    async def generate(
        self, prompt: Any, params: Any, request_id: str, trace_headers: Any = None, **_: Any
    ) -> AsyncGenerator[RequestOutput, None]:
        self.prompts.append(prompt)
        self.trace_headers.append(trace_headers)
        tokenizer = self.renderer.get_tokenizer()
        ids = tokenizer.encode(self.text, add_special_tokens=False)
        pieces = [tokenizer.decode([token]) for token in ids]
        if params.output_kind is not RequestOutputKind.DELTA:
            ids, pieces = [tuple(ids)], ["".join(pieces)]
        for place, (token, piece) in enumerate(zip(ids, pieces, strict=True)):
            last = place == len(ids) - 1
            output = CompletionOutput(
                index=0,
                text=piece,
                token_ids=list(token) if isinstance(token, tuple) else [token],
                cumulative_logprob=None,
                logprobs=None,
                finish_reason=self.finish_reason if last else None,
            )
            yield RequestOutput(request_id, None, prompt["prompt_token_ids"], None, [output], last)


async def scripted_vllm(
    model: Path, *options: str, traceparent: Callable[[], str | None] = lambda: None
) -> tuple[VllmEngine, ScriptedCore]:
    """The real `VllmEngine` on a scripted core."""
    arguments = engine_arguments(options, str(model))
    config = AsyncEngineArgs.from_cli_args(arguments).create_engine_config()
    core = ScriptedCore(config)
    set_defaults(arguments, config.model_config)
    state: Any = State()
    await init_app_state(core, state, arguments, ("generate",))
    install()
    return VllmEngine(core, state, traceparent), core
