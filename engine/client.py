"""The real engine: vLLM's own serving objects, driven without its HTTP app. The one module that knows them."""

from __future__ import annotations

import gc
import logging
import re
from argparse import Namespace
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import State
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

from engine.api import Attachment, EngineError, Fit
from engine.attachments import TABLE, install, with_parts

FAILURE = 'data: {"error"'
"""How an event begins that reports a failure after the answer has begun."""

log = logging.getLogger(__name__)


def engine_arguments(arguments: Sequence[str], model: str) -> Namespace:
    """vLLM's engine and serving options from a command line; what concerns its HTTP server is not among them.

    Unknown options end the process with argparse's message, as in vLLM.
    """
    parser = FlexibleArgumentParser(prog="ola serve", usage="ola serve [--model DIR] [vLLM engine options]")
    parser = AsyncEngineArgs.add_cli_args(BaseFrontendArgs.add_cli_args(parser))
    parsed = parser.parse_args(["--model", model, *arguments])
    validate_parsed_serve_args(parsed)
    return parsed


@asynccontextmanager
async def vllm_engine(arguments: Namespace) -> AsyncIterator[VllmEngine]:
    """Start vLLM in child processes and stop it on leaving."""
    async with build_async_engine_client(arguments) as client:
        state = State()
        await init_app_state(client, state, arguments, await client.get_supported_tasks())
        install()
        # As in vLLM's own server: searching for garbage among all that was loaded would hold every answer up.
        gc.collect()
        gc.freeze()
        yield VllmEngine(client, state)


class VllmEngine:
    """Implements `engine.api.Engine`."""

    def __init__(self, client: EngineClient, state: State) -> None:
        self._client = client
        self._serving = state.openai_serving_chat
        self._models = state.openai_serving_models
        # There is no processor if --limit-mm-per-prompt switches every modality off.
        processor = client.renderer.mm_processor
        limits = processor.info.allowed_mm_limits if processor else {}
        self.modalities = frozenset(modality for modality, limit in limits.items() if limit)
        # Ours says so; of other models' processors nothing is known.
        self.fits: Mapping[str, Fit] = getattr(processor.info, "fits", {}) if processor else {}

    async def chat(self, request: dict[str, Any]) -> dict[str, Any]:
        body, table = self._body(request | {"stream": False})
        try:
            answer = await self._create(body, table)
        except EngineError as error:
            if not (table and isinstance(error.__cause__, GenerationError)):
                raise
            answer = await self._create(body, table)  # a lost attachment, as in `_resent`
        content: dict[str, Any] = answer.model_dump(mode="json")
        return content

    async def stream_chat(self, request: dict[str, Any]) -> AsyncGenerator[str, None]:
        body, table = self._body(request | {"stream": True})
        async with aclosing(self._resent(body, table) if table else await self._create(body, table)) as events:
            async for event in events:
                yield event

    def _body(self, request: dict[str, Any]) -> tuple[ChatCompletionRequest, Mapping[str, Attachment]]:
        body, table = chat_body(request)
        if table and not self.modalities:
            raise EngineError("This model takes text only: it cannot see or hear attachments.", param="messages")
        return body, table

    async def _resent(self, body: ChatCompletionRequest, table: Mapping[str, Attachment]) -> AsyncGenerator[str, None]:
        """The events of a request with attachments, started again if the engine process has lost one.

        vLLM sends an attachment that it believes cached there by name only. When another request that was to bring it
        ended on the way, the first attempt fails at its second event, and by then vLLM knows better.
        """
        for last_attempt in (False, True):
            async with aclosing(await self._create(body, table)) as events:
                head = await self._head(events, table)
                if head[-1].startswith(FAILURE) and not last_attempt:
                    continue
                for event in head:
                    yield event
                async for event in events:
                    yield event
                return

    async def _head(self, events: AsyncGenerator[str, None], table: Mapping[str, Attachment]) -> list[str]:
        """The first two events, which come together: a stream has a role and an end at least."""
        try:
            return [await anext(events), await anext(events)]
        except BaseException:
            self._forget(table)
            raise

    async def models(self) -> dict[str, Any]:
        models: dict[str, Any] = (await self._models.show_available_models()).model_dump(mode="json")
        return models

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

    async def _create(self, body: ChatCompletionRequest, table: Mapping[str, Attachment]) -> Any:
        token = TABLE.set(table)
        try:
            answer = await self._serving.create_chat_completion(body)
        except BaseException as error:
            self._forget(table)
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
        EngineError: a field has the wrong form.
    """
    messages, table = with_parts(request["messages"])
    try:
        return ChatCompletionRequest.model_validate(request | {"messages": messages}), table
    except ValidationError as error:
        raise invalid(error) from error


def invalid(error: ValidationError) -> EngineError:
    """The first thing that is wrong with a body, named by its path."""
    first = error.errors()[0]
    # Steps with capitals or brackets are pydantic's names for the members of a union, which no client wrote.
    path = ".".join(str(step) for step in first["loc"] if re.fullmatch("[a-z0-9_]+", str(step)))
    return EngineError(f"{path}: {first['msg']}" if path else first["msg"], param=path or None)


def refused(response: ErrorResponse, cause: Exception | None = None) -> EngineError:
    """vLLM's refusal in our words for it."""
    error = response.error
    if error.code >= 500:
        log.error("the engine failed a request: %s", error.message, exc_info=cause)
        return EngineError("The engine failed this request.", status=error.code, type="server_error")
    return EngineError(error.message, status=error.code, type="invalid_request_error", param=error.param)
