"""`ola speak`: a text spoken into a file, onto the loudspeaker or into a pipe, from the first sentence on."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

from clients import saving
from clients.ending import ClientError, ending
from clients.loudspeaker import RATE, Loudspeaker
from clients.progress import Sign
from clients.saving import SoundFile
from clients.sdk import add_server_options, opened

PIPE = Path("-")
PIPED = ("aac", "flac", "mp3", "opus", "pcm", "wav")
_PIECE = 4096
"""Bytes that are handed on at a time."""


class Sink(Protocol):
    """Where sound goes."""

    def write(self, sound: bytes) -> None: ...

    def close(self) -> None: ...


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name."""
    options = parsed(arguments)
    with ending("speak", options.base_url):
        sound_format = asked_format(options)
        text = options.text if options.text is not None else sys.stdin.read()
        if not text.strip():
            raise ClientError("there is nothing to say: no TEXT, and nothing piped in")
        sign, total = Sign("waiting for the voice"), 0
        with closing(_sink(options)) as sink, ExitStack() as ended:
            ended.callback(sign.stop)
            for sound in spoken(text, sound_format, options):
                sink.write(sound)
                total += len(sound)
                sign.update(f"{total / 2 / RATE:.1f} s spoken" if sound_format == "pcm" else f"{total // 1024} KiB")


def parsed(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="ola speak", description="Have a text spoken. Without TEXT it is read from a pipe.")
    parser.add_argument("text", nargs="?", metavar="TEXT")
    where = parser.add_mutually_exclusive_group(required=True)
    names = ", ".join(saving.FORMATS)
    where.add_argument(
        "--save", type=Path, metavar="FILE", help=f"a file; its name says the format: {names}. -: a pipe"
    )
    where.add_argument("--play", action="store_true", help="the loudspeaker")
    parser.add_argument("--voice", default="default", metavar="NAME", help="who speaks: `ola voices` lists them")
    parser.add_argument("--speed", type=float, default=1.0, metavar="N", help="0.25 to 4")
    parser.add_argument("--format", choices=PIPED, help="of the pipe (default: pcm)")
    parser.add_argument("--language", metavar="TAG", help="for a text whose script does not tell it, such as de")
    parser.add_argument("--instructions", metavar="TEXT", help="how to speak, for voices that follow them")
    add_server_options(parser)
    options = parser.parse_args(arguments)
    if options.format and options.save != PIPE:
        parser.error("--format is for --save -: a file's name says its format")
    return options


def asked_format(options: Namespace) -> str:
    """The server's name of the format. ClientError if the file's name tells none."""
    if options.save == PIPE:
        return options.format or "pcm"
    known = saving.format_of(options.save) if options.save else "pcm16"
    return "pcm" if known == "pcm16" else known


def spoken(text: str, sound_format: str, options: Namespace) -> Iterator[bytes]:
    """The sound in pieces, as it comes. Raises what the SDK raises."""
    fields: dict[str, Any] = {"response_format": sound_format, "voice": options.voice, "speed": options.speed}
    if options.instructions is not None:
        fields["instructions"] = options.instructions
    if options.language is not None:
        fields["extra_body"] = {"language": options.language}
    with (
        opened(options) as sdk,
        sdk.audio.speech.with_streaming_response.create(model="tts-1", input=text, **fields) as answer,
    ):
        yield from answer.iter_bytes(_PIECE)


class _Played:
    """The loudspeaker as a sink."""

    def __init__(self) -> None:
        self._loudspeaker = Loudspeaker()

    def write(self, sound: bytes) -> None:
        self._loudspeaker.play(sound)

    def close(self) -> None:
        self._loudspeaker.finish()


class _Piped:
    """Standard output as a sink."""

    def write(self, sound: bytes) -> None:
        sys.stdout.buffer.write(sound)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """It is not ours to close."""


def _sink(options: Namespace) -> Sink:
    if options.play:
        return _Played()
    return _Piped() if options.save == PIPE else SoundFile(options.save)
