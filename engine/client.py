"""The real engine: vLLM's own serving objects, driven without its HTTP app. The one module that knows them."""

from __future__ import annotations

import gc
import logging
from argparse import Namespace
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from copy import copy
from functools import partial
from time import time
from typing import Any

from anyio.lowlevel import checkpoint_if_cancelled
from starlette.datastructures import State
from starlette.requests import Request
from vllm.config import ModelConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.engine.protocol import EngineClient
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
from vllm.entrypoints.launchers.cli_args import BaseFrontendArgs, validate_parsed_serve_args
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.entrypoints.serve.exception_handling.error_response import create_error_response
from vllm.exceptions import GenerationError
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.v1.engine.exceptions import EngineDeadError

from engine import responses
from engine.api import Attachment, EngineError, Fit, ServedModel
from engine.attachments import TABLE, install, with_parts
from engine.calls import response_without_cut_call, without_cut_call
from engine.config import OlaConfig
from engine.fields import read_body
from engine.responses import as_events, complete, responses_body
from engine.usage import detailed, with_details

FAILURES = ('data: {"error"', responses.FAILURE)
"""How an event begins that reports a failure after the answer has begun."""

Start = Callable[[], Awaitable[Any]]
"""Has vLLM begin an answer: gives the answer, a stream of it or an ErrorResponse."""

OLA_TOOL_PARSER = "hermes"
"""vLLM's name for the form in which our chat template has the model write tool calls."""

log = logging.getLogger(__name__)


def engine_arguments(arguments: Sequence[str], model: str) -> Namespace:
    """vLLM's engine and serving options from a command line.

    Unknown options end the process with argparse's message, as in vLLM.
    """
    parsed = engine_parser().parse_args(["--model", model, *arguments])
    validate_parsed_serve_args(parsed)
    parsed.enable_prompt_tokens_details = True  # otherwise usage does not say which tokens are pictures and sound
    # What the model does not read about, it does not call: no markup of a call in an answer that shall hold none.
    parsed.exclude_tools_when_tool_choice_none = True
    return parsed


def engine_parser() -> FlexibleArgumentParser:
    """What takes these options; what concerns vLLM's HTTP server is not among them."""
    parser = FlexibleArgumentParser(prog="ola serve", usage="ola serve [--model DIR] [vLLM engine options]")
    return AsyncEngineArgs.add_cli_args(BaseFrontendArgs.add_cli_args(parser))


@asynccontextmanager
async def vllm_engine(
    arguments: Namespace,
    traceparent: Callable[[], str | None] = lambda: None,
    connection: Mapping[str, Any] | None = None,
) -> AsyncIterator[VllmEngine]:
    """Start vLLM in child processes and stop it on leaving; or, by its `connection`, use one that was started
    (`engine.shared`). `traceparent` tells the span (W3C Trace Context) of the task that asks for an answer."""
    async with build_async_engine_client(arguments, client_config=connection) as client:
        set_defaults(arguments, client.model_config)
        state = State()
        await init_app_state(client, state, arguments, await client.get_supported_tasks())
        install()
        # As in vLLM's own server: searching for garbage among all that was loaded would hold every answer up.
        gc.collect()
        gc.freeze()
        yield VllmEngine(client, state, traceparent)


def set_defaults(arguments: Namespace, model: ModelConfig) -> None:
    """Fill in what the checkpoint implies for vLLM's serving objects."""
    if model.hf_config.model_type == OlaConfig.model_type and not arguments.tool_call_parser:
        arguments.enable_auto_tool_choice, arguments.tool_call_parser = True, OLA_TOOL_PARSER


def senses(client: EngineClient) -> frozenset[str]:
    """What the model takes besides text."""
    # There is no processor if --limit-mm-per-prompt switches every modality off.
    processor = client.renderer.mm_processor
    limits = processor.info.allowed_mm_limits if processor else {}
    return frozenset(modality for modality, limit in limits.items() if limit)


class VllmEngine:
    """Implements `engine.api.Engine`."""

    def __init__(
        self, client: EngineClient, state: State, traceparent: Callable[[], str | None] = lambda: None
    ) -> None:
        self._client, self._started, self._traceparent = client, int(time()), traceparent
        self._serving = state.openai_serving_chat
        self._responses = state.openai_serving_responses
        tool_parser = getattr(self._serving.parser_cls, "tool_parser_cls", None)
        self._call_start: str = getattr(tool_parser, "tool_call_start_token", "")
        self._without_tools = self._serving
        if not state.args.reasoning_parser:
            # Looking for calls in every piece of text costs something, and no tool of ours is in these.
            self._without_tools = copy(self._serving)
            self._without_tools.parser_cls = None
        self._models = state.openai_serving_models
        self.modalities = senses(client)
        # Ours says so; of other models' processors nothing is known.
        processor = client.renderer.mm_processor
        self.fits: Mapping[str, Fit] = getattr(processor.info, "fits", {}) if processor else {}

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        body, table = chat_body(request | {"stream": False})
        content = await self._whole(partial(self._chat(body).create_chat_completion, body, self._traced()), table)
        if body.tools and self._call_start:
            content = without_cut_call(content, self._call_start)
        return content | {"usage": detailed(content["usage"])}

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        body, table = chat_body(request | {"stream": True})
        start = partial(self._chat(body).create_chat_completion, body, self._traced())
        async with aclosing(self._events(start, table, 2)) as events:
            async for event in events:
                yield with_details(event)

    async def respond(self, request: dict[str, Any]) -> dict[str, Any]:
        body, table = responses_body(request | {"stream": False})
        content = await self._whole(partial(self._responses.create_responses, body, self._traced()), table)
        if body.tools and self._call_start:
            content = response_without_cut_call(content, self._call_start)
        return complete(content)

    async def stream_response(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        body, table = responses_body(request | {"stream": True})
        traced = self._traced()

        async def start() -> Any:
            # A request that vLLM answered before must not be changed by that if it is sent again.
            answer = await self._responses.create_responses(body.model_copy(), traced)
            return answer if isinstance(answer, ErrorResponse) else as_events(answer)

        # Two events of these say only that there is a response.
        async with aclosing(self._events(start, table, 3)) as events:
            async for event in events:
                yield event

    def _traced(self) -> Request | None:
        """What vLLM reads the trace from: a request's headers. It looks at nothing else of it that is not there."""
        traceparent = self._traceparent()
        if traceparent is None:
            return None
        return Request({"type": "http", "headers": [(b"traceparent", traceparent.encode())]})

    def _chat(self, body: ChatCompletionRequest) -> Any:
        return self._serving if body.tools else self._without_tools

    async def _whole(self, start: Start, table: Mapping[str, Attachment]) -> dict[str, Any]:
        self._check_senses(table)
        try:
            answer = await self._create(start, table)
        except EngineError as error:
            if not (table and isinstance(error.__cause__, GenerationError)):
                raise
            answer = await self._create(start, table)  # a lost attachment, as in `_resent`
        content: dict[str, Any] = answer.model_dump(mode="json", by_alias=True)
        return content

    async def _events(self, start: Start, table: Mapping[str, Attachment], head: int) -> AsyncGenerator[str, None]:
        self._check_senses(table)
        async with aclosing(self._resent(start, table, head) if table else await self._create(start, table)) as events:
            async for event in events:
                yield event

    def _check_senses(self, table: Mapping[str, Attachment]) -> None:
        if table and not self.modalities:
            raise EngineError("This model takes text only: it cannot see or hear attachments.", param="messages")

    async def _resent(self, start: Start, table: Mapping[str, Attachment], size: int) -> AsyncGenerator[str, None]:
        """The events of a request with attachments, started again if the engine process has lost one.

        vLLM sends an attachment that it believes cached there by name only. When another request that was to bring it
        ended on the way, the first attempt fails at its `size`-th event, which comes with the first token; by then vLLM
        knows better.
        """
        for last_attempt in (False, True):
            async with aclosing(await self._create(start, table)) as events:
                head = await self._head(events, table, size)
                if head[-1].startswith(FAILURES) and not last_attempt:
                    continue
                for event in head:
                    yield event
                async for event in events:
                    yield event
                return

    async def _head(self, events: AsyncGenerator[str, None], table: Mapping[str, Attachment], size: int) -> list[str]:
        """The first events, at most `size`, which come together; a failure is the last of them."""
        head: list[str] = []
        try:
            while len(head) < size and not (head and head[-1].startswith(FAILURES)):
                head.append(await anext(events))
        except BaseException:
            self._forget(table)
            raise
        return head

    async def models(self) -> list[ServedModel]:
        cards = (await self._models.show_available_models()).data
        return [
            ServedModel(card.id, self._started, card.max_model_len)
            for card in cards
            # A folder is served under its name and its path, which is nobody's business.
            if card.id != card.root or len(cards) == 1
        ]

    async def check(self) -> None:
        try:
            await self._client.check_health()
        except EngineDeadError as error:
            raise EngineError("The engine has stopped.", status=503, type="service_unavailable_error") from error

    async def running(self) -> int:
        # The engine process answers for itself: an aborted request that it still computes counts.
        if not await self._client.engine_core.call_utility_async("has_work"):
            return 0
        return max(1, self._client.get_num_unfinished_requests())

    async def _create(self, start: Start, table: Mapping[str, Attachment]) -> Any:
        token = TABLE.set(table)
        try:
            answer = await start()
        except BaseException as error:
            self._forget(table)
            # vLLM's asyncio.gather loses what anyio writes into a cancellation to know it for its own, and what anyio
            # does not know ends more than it should: all of a session for one of its requests. So it is cancelled anew.
            await checkpoint_if_cancelled()
            if isinstance(error, EngineDeadError):
                raise EngineError("The engine has stopped.", status=503, type="service_unavailable_error") from error
            if not isinstance(error, Exception):
                raise
            # vLLM's handlers for its HTTP app take any exception too.
            raise refused(create_error_response(error), error) from error
        finally:
            TABLE.reset(token)
        if isinstance(answer, ErrorResponse):
            self._forget(table)
            await checkpoint_if_cancelled()  # to whom vLLM answers that the client has gone
            raise refused(answer)
        return answer

    def _forget(self, table: Mapping[str, Attachment]) -> None:
        """Make vLLM send these attachments again next time: whether the engine process has them is not known."""
        cache = self._client.renderer.mm_processor_cache
        if cache is not None:
            for digest in table:
                cache.invalidate(digest)


def chat_body(request: dict[str, Any]) -> tuple[ChatCompletionRequest, Mapping[str, Attachment]]:
    """The request in vLLM's form, and the attachments that it names.

    Raises:
        EngineError: a field has the wrong form or is unknown.
    """
    messages, table = with_parts(request["messages"])
    return read_body(ChatCompletionRequest, request | {"messages": messages}), table


def refused(response: ErrorResponse, cause: Exception | None = None) -> EngineError:
    """vLLM's refusal in our words for it."""
    error = response.error
    if error.code >= 500:
        log.error("the engine failed a request: %s", error.message, exc_info=cause)
        return EngineError("The engine failed this request.", status=error.code, type="server_error")
    if error.code == 404 and error.param == "model":
        # vLLM would list all names, paths on the server's disk among them.
        message = "This model does not exist: GET /v1/models lists those that do."
        return EngineError(message, status=404, type="invalid_request_error", param="model")
    return EngineError(error.message, status=error.code, type="invalid_request_error", param=error.param)
