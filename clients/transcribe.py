"""`ola transcribe`: what is said in recordings, as text, subtitles or JSON."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clients.attachments import contents
from clients.ending import ClientError, ending
from clients.progress import Sign
from clients.sdk import add_server_options, opened

if TYPE_CHECKING:
    from openai import OpenAI

FORMATS = ("text", "json", "verbose_json", "srt", "vtt")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name."""
    options = parsed(arguments)
    with ending("transcribe", options.base_url):
        recordings = [(path, contents(path)) for path in options.recordings]
        with opened(options) as sdk, _output(options) as output:
            for path, recording in recordings:
                name = f"{path}: " if len(recordings) > 1 and options.format == "text" else ""
                _write(name, written_down(sdk, path, recording, options), path, output)


def parsed(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="ola transcribe", description="Have recordings written down.")
    parser.add_argument("recordings", nargs="+", type=Path, metavar="FILE", help="sound or video, of any length")
    parser.add_argument("--format", choices=FORMATS, default="text", help="text comes while it is heard")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where it goes (default: standard output)")
    parser.add_argument("--language", metavar="CODE", help="what is spoken, such as de")
    parser.add_argument("--prompt", metavar="TEXT", help="names that occur, how to write")
    parser.add_argument("--translate", action="store_true", help="write it in English")
    add_server_options(parser)
    options = parser.parse_args(arguments)
    if options.translate and options.language:
        parser.error("--translate takes no --language: what is spoken is heard")
    return options


def written_down(sdk: OpenAI, path: Path, recording: bytes, options: Namespace) -> Iterator[str]:
    """What is said, in pieces. Raises what the SDK raises."""
    fields: dict[str, Any] = {"model": "whisper-1", "file": (path.name, recording), "response_format": options.format}
    given = {name: value for name in ("language", "prompt") if (value := getattr(options, name)) is not None}
    if options.translate:
        # Not the SDK's own method, which warns that OpenAI may end it.
        yield _shown(sdk.post("/audio/translations", **_form(fields | given), cast_to=_answer_type(options.format)))
    elif options.format != "text":
        yield _shown(sdk.audio.transcriptions.create(**fields, **given))
    else:
        fields["response_format"] = "json"
        for event in sdk.audio.transcriptions.create(**fields, **given, stream=True):
            if event.type == "transcript.text.delta":
                yield event.delta


def _write(name: str, pieces: Iterator[str], path: Path, output: Any) -> None:
    """The words as they come, behind a name; nothing at all of a recording that is refused."""
    sign = Sign(f"listening to {path}")
    try:
        with _by_name(path):
            for piece in pieces:
                sign.stop()
                print(name, piece, sep="", end="", file=output, flush=True)
                name = ""
    finally:
        sign.stop()
    print(name, file=output)


@contextmanager
def _by_name(path: Path) -> Iterator[None]:
    """An error about the recording tells which."""
    from openai import APIStatusError

    try:
        yield
    except APIStatusError as error:
        if error.param != "file" or not isinstance(error.body, dict):
            raise
        raise ClientError(f"{path}: {error.body['message'].removeprefix('file: ')}") from None


def _form(fields: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the SDK's own `post` for a form with a file."""
    headers = {"Content-Type": "multipart/form-data"}
    file = {"file": fields.pop("file")}
    return {"body": fields, "files": file, "options": {"headers": headers}}


def _answer_type(written: str) -> Any:
    return object if written.endswith("json") else str


def _shown(answer: Any) -> str:
    if isinstance(answer, str):
        return answer.rstrip("\n")
    import json

    fields = answer if isinstance(answer, dict) else answer.model_dump(exclude_none=True)
    return json.dumps(fields, ensure_ascii=False)


@contextmanager
def _output(options: Namespace) -> Iterator[Any]:
    """The file that is written to. ClientError if it cannot be opened."""
    try:
        opened_file = options.output.open("w", encoding="utf-8") if options.output else nullcontext(sys.stdout)
    except OSError as error:
        raise ClientError(f"cannot write {options.output}: {error.strerror}") from None
    with opened_file as output:
        yield output
