"""`ola voices`: the voices of a server listed, recorded ones added and deleted. These routes are this server's own; the
SDK has no method for them and takes their paths instead."""

from __future__ import annotations

import json
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from clients.attachments import contents
from clients.ending import ending
from clients.sdk import add_server_options, opened

if TYPE_CHECKING:
    from openai import OpenAI

PATH = "/audio/voices"
Voice = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name."""
    options = parsed(arguments)
    with ending("voices", options.base_url), opened(options) as sdk:
        match options.command:
            case "add":
                added = add(sdk, options)
                print(json.dumps(added) if options.json else f"added {added['name']}")
            case "delete":
                deleted = cast(Voice, sdk.delete(f"{PATH}/{quote(options.name, safe='')}", cast_to=object))
                print(json.dumps(deleted) if options.json else f"deleted {deleted['name']}")
            case _:
                show(listed(sdk), as_json=options.json)


def parsed(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="ola voices", description="List the voices, add and delete recorded ones.")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_server_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="list | add | delete")
    listing = commands.add_parser("list", help="name, kind and languages of each (what happens without a command, too)")
    adding = commands.add_parser("add", help="a voice that speaks like a recording")
    adding.add_argument("name")
    adding.add_argument("recording", type=Path, metavar="FILE", help="3 to 30 s of somebody: wav, flac, ogg or mp3")
    adding.add_argument("--transcript", required=True, metavar="TEXT", help="what is said in it, word by word")
    adding.add_argument("--consent", required=True, metavar="TEXT", help="the statement by which its owner allows it")
    adding.add_argument("--language", metavar="TAG", help="such as de")
    deleting = commands.add_parser("delete", help="a recorded voice, with its recording")
    deleting.add_argument("name")
    for part in (listing, adding, deleting):
        part.add_argument("--json", action="store_true", default=SUPPRESS, help="as JSON")
        add_server_options(part, again=True)
    return parser.parse_args(arguments)


def listed(sdk: OpenAI) -> list[Voice]:
    """All of them, as the server describes them."""
    answer = cast(dict[str, Any], sdk.get(PATH, cast_to=object))
    return cast(list[Voice], answer["data"])


def add(sdk: OpenAI, options: Namespace) -> Voice:
    """The voice that was added. Raises what the SDK raises, ClientError if there is no such recording."""
    fields = {name: getattr(options, name) for name in ("name", "transcript", "consent", "language")}
    body = {name: value for name, value in fields.items() if value is not None}
    files = {"audio_sample": (options.recording.name, contents(options.recording))}
    headers = {"Content-Type": "multipart/form-data"}
    return cast(Voice, sdk.post(PATH, body=body, files=files, options={"headers": headers}, cast_to=object))


def show(voices: list[Voice], *, as_json: bool) -> None:
    """A table on a terminal; in a pipe a line each with tabs between."""
    rows = [(voice["name"], voice["kind"], " ".join(voice["languages"])) for voice in voices]
    if as_json:
        print(json.dumps(voices, ensure_ascii=False))
    elif not sys.stdout.isatty():
        print(*("\t".join(row) for row in rows), sep="\n")
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("name", "kind", "languages")
        for row in rows:
            table.add_row(*row)
        Console().print(table)
