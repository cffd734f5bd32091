"""The `ola` command. `ola serve` starts an engine, a voice and the gateway in front of them."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
from pydantic import ValidationError

from engine.api import SAMPLE_RATE, Attachment, Engine, Image, Sound
from server.commands import PROGRAMS, start
from server.doctor.model import names_no_folder
from server.listening import Listening
from server.processes import Share
from server.serve_help import ServeHelp
from server.settings import Settings, variable
from server.sharing import SharedListening
from server.stopping import Stopping
from server.welcome import welcome
from tts.logs import set_up_logging

if TYPE_CHECKING:
    from argparse import Namespace

DEMO = Path(__file__).parents[1] / "models" / "ola-demo"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    parser = argparse.ArgumentParser(prog="ola", description="Streaming omni-modal inference server.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="serve a model over HTTP",
        description="Every option that is not listed here goes to vLLM's engine.",
        add_help=False,
    )
    serve.add_argument("-h", "--help", action=ServeHelp, metavar="WHAT", help="this; with `vllm` or `all`, vLLM's")
    serve.add_argument("--model", default=str(DEMO), help="checkpoint folder or hub id (default: the demo model)")
    serve.add_argument("--host", help="address to listen on (default: OLA_HOST or 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default: OLA_PORT or 8000)")
    serve.add_argument(
        "--api-server-count", type=int, default=1, help="processes that serve, for more cores than one (default: 1)"
    )
    for word, (_, does) in PROGRAMS.items():
        commands.add_parser(word, help=does, add_help=False)
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words and words[0] in PROGRAMS:
        return start(words[0], words[1:])
    options, rest = parser.parse_known_args(words)
    given = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        sys.exit(problems(error))
    return serve_model(settings, options.model, rest, options.api_server_count)


def serve_model(settings: Settings, model: str, rest: Sequence[str], count: int = 1) -> None:
    """Serve until interrupted, from `count` processes. `rest` holds vLLM's options."""
    check_count(count, settings)
    set_up_logging(settings.log_format)
    # Before vLLM is imported: it reads these then. It reports usage to its makers unless told not to.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    # In GiB, on CPUs only. vLLM would take most of the machine's memory, and not start beside anything large.
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
    # Until it serves: as an exception it lets the engine's processes end first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    check_model(model)
    listener = bound(settings)
    say("Importing the engine")
    from engine.client import engine_arguments

    if not any(option.split("=")[0] == "--served-model-name" for option in rest):
        rest = [*rest, "--served-model-name", *served_names(model)]
    parsed = engine_arguments(rest, model)
    if count == 1:
        serve_here(settings, parsed, listener)
    else:
        from server.gateways import serve_together

        serve_together(settings, parsed, listener, count)


def serve_here(
    settings: Settings,
    parsed: Namespace,
    listener: socket.socket,
    share: Share | None = None,
    connection: Mapping[str, Any] | None = None,
) -> None:
    """Serve from this process. With others beside it, `share` is what it knows of them, and `connection` how it reaches
    the engine."""
    from server.access.keys.key import KeysError
    from server.store import StoreError
    from server.voicing import VoicingError
    from tts.registry import RegistryError
    from tts.tracing import TracingError
    from tts.voice import VoiceError

    try:
        # Not uvloop.run: anyio would look what loop it is on at every step of a task, which is 5 % of a busy server.
        anyio.run(run, settings, parsed, listener, share, connection, backend_options={"use_uvloop": True})
    except ValidationError as error:  # how vLLM reports a model or an option that it cannot take
        sys.exit(problems(error))
    except (VoicingError, VoiceError, RegistryError, KeysError, StoreError, TracingError) as error:
        sys.exit(f"ola serve: {error}")
    except BaseExceptionGroup as ended:  # told to stop while a task group was open
        if ended.split((SystemExit, KeyboardInterrupt))[1] is not None:
            raise
    except KeyboardInterrupt:
        pass
    say("Stopped")


async def run(
    settings: Settings,
    arguments: Namespace,
    listener: socket.socket,
    share: Share | None = None,
    connection: Mapping[str, Any] | None = None,
) -> None:
    """Start the parts in order, then answer until the server is told to stop."""
    from engine.client import vllm_engine
    from server.access.access import opened_access
    from server.app import create_app
    from server.realtime.durable.redis import session_store
    from server.redis_store import answer_store
    from server.voicing import speaking
    from tts.tracing import tracing

    started = perf_counter()
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(tracing("ola-serve", settings.otlp_endpoint))
        access = await stack.enter_async_context(opened_access(settings))
        # The voice first: that it cannot speak is known at once.
        speaker = await stack.enter_async_context(speaking(settings, tracer))
        store = await stack.enter_async_context(answer_store(settings))
        sessions = await stack.enter_async_context(session_store(settings))
        tell = say if share is None or share.first else _not_said
        tell(f"Loading {arguments.model} (half a minute on a CPU, minutes for a large model)")
        engine = await stack.enter_async_context(vllm_engine(arguments, tracer.traceparent, connection))
        tell(f"Engine loaded after {perf_counter() - started:.0f} s; warming up")
        await warm_up(engine)
        stopping = Stopping(settings.shutdown_seconds, settings.notice_seconds)
        app = create_app(settings, engine, speaker, store, access, sessions, tracer, stopping)
        app.state.parts.attachments.warm_up()
        server = Listening(app, stopping) if share is None else SharedListening(app, stopping, share)
        if share is not None:
            await share.all_ready()
        listener.listen()  # whoever reads the next line may connect at once
        url = address(listener)
        shown = welcome(url, arguments.model, sees="image" in engine.modalities, keyed=access.keys is not None)
        tell(f"Ready after {perf_counter() - started:.0f} s. Open {url}/ in a browser, or try:\n\n{shown}\n")
        await server.serve([listener])


async def warm_up(engine: Engine) -> None:
    """One token for every kind of input, so that the first user does not wait for what happens only once."""
    samples: dict[str, Attachment] = {
        "image": Image(np.zeros((32, 32, 3), np.uint8), "warm-up image"),
        "audio": Sound(np.zeros(SAMPLE_RATE, np.float32), "warm-up audio"),
    }
    attachments = [sample for kind, sample in samples.items() if kind in engine.modalities]
    await engine.chat({"messages": [{"role": "user", "content": attachments or "Hello"}], "max_tokens": 1})


def check_count(count: int, settings: Settings) -> None:
    """End with a clear line if so many processes cannot serve."""
    if count < 1:
        sys.exit("ola serve: --api-server-count is 1 at least")
    if count > 1 and settings.redis_url is None:
        sys.exit(
            "ola serve: --api-server-count above 1 needs OLA_REDIS_URL: "
            "limits, audio ids and realtime sessions are common to the processes"
        )


def check_model(model: str) -> None:
    """End with a clear line if the model is not there."""
    if names_no_folder(model):
        sys.exit(f"ola serve: there is no folder {model}")


def bound(settings: Settings) -> socket.socket:
    """The listening socket, taken before the slow start so that a busy port is known at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        sys.exit(f"ola serve: cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    return listener


def served_names(model: str) -> list[str]:
    """What a request may call the model: a folder by its name and its path, a hub id by itself."""
    path = Path(model)
    return [path.resolve().name, model] if path.is_dir() else [model]


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def problems(error: ValidationError) -> str:
    """One line for each thing that is wrong with the settings or with vLLM's options."""
    lines = []
    for problem in error.errors(include_input=False, include_context=False, include_url=False):
        named = str(problem["loc"][0]) if error.title == Settings.__name__ and problem["loc"] else ""
        setting = variable(named) if named in Settings.model_fields else named
        lines.append(f"ola serve: {setting}{': ' * bool(setting)}{problem['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


def say(line: str) -> None:
    """A progress line; standard output stays free for what a command is asked for."""
    print(f"ola: {line}", file=sys.stderr, flush=True)


def _not_said(line: str) -> None:
    """Another process says it."""


if __name__ == "__main__":
    main()
