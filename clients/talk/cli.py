"""`ola talk`: a voice conversation, with a microphone and a loudspeaker or with recordings."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from clients import saving
from clients.ending import NO_KEY, ClientError, ending
from clients.loudspeaker import Loudspeaker
from clients.sdk import add_server_options, opened, opened_async, served_model


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name."""
    options = parsed(arguments)
    with ending("talk", options.base_url):
        import anyio

        anyio.run(talk, options)


def parsed(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        prog="ola talk",
        description="Talk with a server aloud. Whoever speaks into an answer interrupts it, and so does any key; "
        "q or Ctrl-C ends. Without files it wants a microphone and a loudspeaker (pip install 'ola-serve[voice]').",
    )
    parser.add_argument(
        "--from",
        dest="recordings",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="speak a recording instead; further ones when the answer was heard",
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help="keep what is heard of the answers, as .wav or .pcm")
    parser.add_argument(
        "--interrupt", type=float, metavar="SECONDS", help="further recordings are spoken so far into the answer"
    )
    parser.add_argument("--greeting", metavar="TEXT", help="asked in writing before anybody speaks")
    parser.add_argument("--system", metavar="TEXT", help="how to answer")
    parser.add_argument("--model", metavar="NAME", help="who answers (default: the first model that the server lists)")
    parser.add_argument("--voice", metavar="NAME", help="who speaks: `ola voices` lists them")
    parser.add_argument("--json", action="store_true", help="one JSON object for each turn")
    add_server_options(parser)
    options = parser.parse_args(arguments)
    if bool(options.recordings) != bool(options.to):
        parser.error("--from and --to go together: recordings take the place of a microphone and a loudspeaker")
    if options.interrupt is not None and len(options.recordings) + (options.greeting is not None) < 2:
        parser.error("--interrupt is for a recording that is spoken into an answer; there is only the first")
    return options


async def talk(options: Namespace) -> None:
    """Until it is over. Cancelling it falls silent.

    Raises:
        ClientError, openai.OpenAIError: it cannot be, or goes no further.
    """
    from websockets.exceptions import InvalidStatus

    from clients.talk.session import Session
    from clients.talk.showing import Shown

    mouth, ear = _devices(options)
    with closing(ear):
        if options.model is None:
            with opened(options) as sdk:
                options.model = served_model(sdk)
        if sys.stdin.isatty():
            print("Speak. Any key interrupts, q ends.", file=sys.stderr)
        async with opened_async(options) as sdk_async:
            try:
                async with sdk_async.realtime.connect(model=options.model) as connection:
                    session = Session(connection, mouth, ear, Shown(as_json=options.json))
                    await session.run(settings(options), options.greeting)
            except InvalidStatus as error:
                raise ClientError(_refused(error.response.status_code, options)) from None


def _refused(status: int, options: Namespace) -> str:
    """Why there is no session. The SDK does not tell what else the server said."""
    if status == 401:
        return NO_KEY
    if status == 404:
        return f"the server has no model {options.model!r}, or no voice sessions. Leave --model out to use its own"
    return f"the server refused the session with status {status}"


def settings(options: Namespace) -> dict[str, Any]:
    """The session's, beside its type."""
    audio: dict[str, Any] = {"input": {"transcription": {"model": "whisper-1"}}}
    if options.voice is not None:
        audio["output"] = {"voice": options.voice}
    return {"audio": audio} if options.system is None else {"audio": audio, "instructions": options.system}


def _devices(options: Namespace) -> tuple[Any, Any]:
    """Where the user's sound comes from, and where the answers are heard."""
    if not options.recordings:
        from clients.talk.microphone import Microphone

        return Microphone(), Loudspeaker()
    from clients.talk.recordings import Recorder, Recordings, recorded

    if saving.format_of(options.to) != "pcm16":
        raise ClientError(f"cannot keep what is heard as {options.to.name}: its name must end with .wav or .pcm")
    recordings = [recorded(path) for path in options.recordings]
    return Recordings(recordings, options.interrupt, first=options.greeting is not None), Recorder(options.to)
