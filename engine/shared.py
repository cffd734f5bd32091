"""One engine for several processes of ours, as vLLM's own server has it: each talks to the engine for itself."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine.utils import bind_engine_zmq_listeners, launch_core_engines
from vllm.v1.executor import Executor
from vllm.v1.metrics.prometheus import setup_multiprocess_prometheus

Connection = dict[str, Any]
"""How a process reaches the engine: what `engine.client.vllm_engine` takes."""
Start = Callable[[Sequence[Connection]], AbstractContextManager[Sequence[BaseProcess]]]
"""Starts a process for each connection, and ends them."""

_END_SECONDS = 5
"""For the engine's processes, which have nothing more to do."""


@contextmanager
def shared_engine(arguments: Namespace, count: int, start: Start) -> Iterator[Sequence[BaseProcess]]:
    """vLLM in child processes, and `count` processes that use it, once the engine is loaded. Leaving the block ends
    those and then the engine.

    Raises:
        RuntimeError: the engine, or one of the processes, ended instead of starting.
    """
    setup_multiprocess_prometheus()  # all of them count in files, which any of them adds up
    options = AsyncEngineArgs.from_cli_args(arguments)
    options._api_process_count, options._api_process_rank = count, -1
    config = options.create_engine_config(usage_context=UsageContext.OPENAI_API_SERVER)
    with ExitStack() as closing:
        listeners = bind_engine_zmq_listeners(config, count)
        closing.callback(listeners.cleanup)
        kind, counting = Executor.get_class(config), not options.disable_log_stats
        # Left when the engine is loaded, or as soon as one of the watched processes ends.
        with launch_core_engines(config, kind, counting, listeners.addresses) as launched:
            for part in (launched.coordinator, launched.engine_manager):
                if part is not None:
                    closing.callback(part.shutdown, timeout=_END_SECONDS)
            processes = closing.enter_context(start(_connections(listeners, launched)))
            launched.watched_frontend_processes = processes
        yield processes


def _connections(listeners: Any, launched: Any) -> list[Connection]:
    """vLLM's `client_config` of each process."""
    common: Connection = {"client_count": len(listeners.inputs)}
    if launched.tensor_queue is not None:
        common["tensor_queue"] = launched.tensor_queue
    if launched.coordinator is not None:
        common["stats_update_address"] = launched.coordinator.get_stats_publish_address()
    return [
        common
        | {"client_index": index, "input_address": into.address, "input_listener": into.socket}
        | {"output_address": out.address, "output_listener": out.socket}
        for index, (into, out) in enumerate(zip(listeners.inputs, listeners.outputs, strict=True))
    ]
