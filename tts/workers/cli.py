"""`ola tts-worker`: a voice as a process of its own, for the gateways of one Redis or for its parent alone."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import anyio
import uvloop
from redis.exceptions import RedisError

from tts.logs import set_up_logging
from tts.recorded import Imitator
from tts.registry import RedisRegistry
from tts.tracing import TracingError, tracing
from tts.voice import Voice, VoiceError
from tts.voices.pipes import own_pipes
from tts.workers import keys
from tts.workers.child_worker import ChildWorker, SentRecordings
from tts.workers.figures import Figures
from tts.workers.operations import OperationsServer, Worker, operations
from tts.workers.redis_worker import RedisWorker
from tts.workers.repertoire import Recordings, Repertoire

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What makes a worker finish. For a child Ctrl-C is its parent's, which closes the pipe."""

_COSYVOICE_SLOTS = 4
"""Where its knee begins on a GPU."""

_log = logging.getLogger(__name__)


class _OptionError(Exception):
    """The options do not fit together or name what is not there; the message says which."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name."""
    options = parse(arguments)
    if options.redis is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Before a voice's package is imported: some set up logging of their own, at a level of their own.
    set_up_logging(options.log_format)
    try:
        uvloop.run(_run(options))
    except (_OptionError, VoiceError, TracingError) as error:
        sys.exit(f"ola tts-worker: {error}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ola tts-worker",
        description="Speak for `ola serve`. With --redis for every gateway of that Redis; without it for the process "
        "that started this one, over standard input and output.",
    )
    parser.add_argument(
        "--voice",
        default="espeak",
        help="espeak, cosyvoice, or MODULE:FUNCTION, which returns your own: a list, or what has `voices()` and is a "
        "tts.recorded.Imitator (default: espeak)",
    )
    parser.add_argument("--redis", metavar="URL", help="redis://HOST:PORT/0, rediss://... or unix://PATH")
    parser.add_argument("--slots", type=slots, help="units at a time (default: what the voice says)")
    parser.add_argument("--host", default="127.0.0.1", help="where /health and /metrics listen (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="serve /health and /metrics there")
    parser.add_argument(
        "--drain-seconds", type=float, default=30.0, help="for the units in hand after SIGTERM (default: 30)"
    )
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="of log lines (default: text)")
    parser.add_argument("--otlp-endpoint", metavar="URL", help="send traces to the OTLP/HTTP collector there")
    cosyvoice = parser.add_argument_group("cosyvoice")
    cosyvoice.add_argument("--model", help="model folder or hub id")
    cosyvoice.add_argument("--cosyvoice-home", type=Path, metavar="FOLDER", help="a checkout of CosyVoice")
    for switch in ("fp16", "vllm", "tensorrt"):
        cosyvoice.add_argument(f"--{switch}", action="store_true")
    return parser.parse_args(arguments)


def slots(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


async def _run(options: argparse.Namespace) -> None:
    if options.redis is None:
        await _serve_parent(options)
    else:
        await _serve_redis(options)


async def _serve_redis(options: argparse.Namespace) -> None:
    try:
        async with keys.connect(options.redis, retries=0) as first:
            await first.time()
    except (RedisError, ValueError) as error:
        raise _OptionError(f"--redis: {error}") from error
    async with keys.connect(options.redis, retries=-1) as redis:
        repertoire, slots = loaded(options, RedisRegistry(redis))
        figures = Figures(slots)
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        async with tracing("ola-tts-worker", options.otlp_endpoint) as tracer:
            worker = RedisWorker(redis, name, repertoire, slots, figures, tracer)
            await _serve(options, worker, repertoire, figures)


async def _serve_parent(options: argparse.Namespace) -> None:
    if sys.stdin.isatty():
        raise _OptionError("--redis URL is missing (without it this is started by another program, over pipes)")
    source, sink = own_pipes()
    recordings = SentRecordings()
    repertoire, slots = loaded(options, recordings)
    figures = Figures(slots)
    worker = ChildWorker(repertoire, recordings, slots, figures, source, sink)
    await _serve(options, worker, repertoire, figures)


async def _serve(options: argparse.Namespace, worker: Worker, repertoire: Repertoire, figures: Figures) -> None:
    """Speak until told to stop: by a signal, or by the parent's end."""
    listener = _bound(options)
    try:
        await repertoire.start()
        stopping = _stopped_by_signals(SIGNALS if options.redis else SIGNALS[:1])
        async with anyio.create_task_group() as group:
            if listener is not None:
                server = OperationsServer(operations(worker, stopping, figures))
                group.start_soon(server.serve, [listener], name="operations")
            await worker.start()
            _log.info("ready: %s, %d voices", repertoire.offer.label, len(repertoire.offer.voices))
            await worker.run(stopping, options.drain_seconds)
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await repertoire.close()


def _stopped_by_signals(numbers: Sequence[signal.Signals]) -> anyio.Event:
    """An event that the first signal sets; the second one ends the process as usual."""
    stopping, loop = anyio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        _log.info("finishing what is in hand")
        stopping.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, stop)
    return stopping


def _bound(options: argparse.Namespace) -> socket.socket | None:
    """The socket of /health and /metrics, taken before the slow start so that a busy port is known at once."""
    if options.port is None:
        return None
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listener = socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise _OptionError(f"cannot listen on {options.host}:{options.port}: {error.strerror}") from error
    _log.info("/health and /metrics on port %d", listener.getsockname()[1])
    return listener


def loaded(options: argparse.Namespace, registry: Recordings) -> tuple[Repertoire, int]:
    """The voices that the options name, and how many units at a time.

    Raises:
        _OptionError: there are none.
        VoiceError: they cannot be loaded.
    """
    if options.voice == "espeak":
        from tts.voices.espeak import espeak_voices

        label, voices, imitator = "espeak", list[Voice](espeak_voices()), None
    elif options.voice == "cosyvoice":
        label, voices, imitator = _cosyvoice(options)
    else:
        label, voices, imitator = _own(options.voice)
    try:
        repertoire = Repertoire(label, voices, imitator, registry if imitator is not None else None)
    except ValueError as error:
        raise _OptionError(str(error)) from error
    return repertoire, options.slots or repertoire.slots


def _cosyvoice(options: argparse.Namespace) -> tuple[str, list[Voice], Imitator]:
    if options.model is None:
        raise _OptionError("--voice cosyvoice needs --model FOLDER_OR_HUB_ID")
    from tts.voices.cosyvoice import load_cosyvoice

    model = load_cosyvoice(
        options.model,
        home=options.cosyvoice_home,
        slots=options.slots or _COSYVOICE_SLOTS,
        fp16=options.fp16,
        vllm=options.vllm,
        tensorrt=options.tensorrt,
    )
    # By the model's name, so that workers of different models never take each other's units.
    return f"cosyvoice {Path(options.model).name}", list[Voice](model.voices()), model


def _own(path: str) -> tuple[str, list[Voice], Imitator | None]:
    module, _, function = path.partition(":")
    if not function:
        raise _OptionError(f"--voice {path}: espeak, cosyvoice, or MODULE:FUNCTION")
    try:
        own = getattr(import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise _OptionError(f"--voice {path}: {error}") from error
    return (path, own, None) if isinstance(own, list) else (path, own.voices(), own)


if __name__ == "__main__":
    main()
