"""`ola serve --help`: its own options, every OLA_... setting in groups, and vLLM's options for who asks for them."""

from __future__ import annotations

import argparse
import os
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from server.settings import Settings, variable

GROUPS = {
    "Where it listens, and who may come in": ("host", "port", "keys", "origins"),
    "Who speaks": (
        "voice",
        "voice_slots",
        "voices_folder",
        "voice_patience_seconds",
        "max_first_sound_seconds",
        "look_ahead_seconds",
    ),
    "The voice `remote`": ("remote_voice_",),
    "The voice `cosyvoice`": ("cosyvoice_",),
    "What may be attached": ("fetch_urls", "max_attachment", "max_body_bytes"),
}
"""Settings by their names, or by how those begin."""
OTHERS = "The server"
VLLM = """vLLM's options:
  ola serve --help=vllm      their groups
  ola serve --help=GROUP     one of these, such as --help=SchedulerConfig
  ola serve --help=WORD      those with this in their name, such as --help=max-model-len
  ola serve --help=all       all of them
"""
_SIZES = ((2**30, "GiB"), (2**20, "MiB"))


class ServeHelp(argparse.Action):
    """`--help` without a value is ours and quick; with one it is vLLM's, which takes some seconds to be imported."""

    def __init__(self, option_strings: Sequence[str], dest: str, **kwargs: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs="?", default=argparse.SUPPRESS, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> None:
        _, asked, _ = given
        if asked is None:
            print(parser.format_help() + "\n" + settings_help() + "\n" + VLLM, end="")
            parser.exit()
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        from engine.client import engine_parser

        engine_parser().parse_args(["--help" if asked == "vllm" else f"--help={asked}"])


def settings_help(width: int | None = None) -> str:
    """Every setting with its default and what it is for, for a terminal of `width` columns; None: this one."""
    width = min(width or shutil.get_terminal_size().columns, 120)
    lines = ["Settings, as environment variables:"]
    for title, names in grouped():
        lines += ["", f"{title}:"]
        for name in names:
            field = Settings.model_fields[name]
            size = readable(field)
            lines.append(f"  {variable(name)}={default(field)}" + (f"  ({size})" if size else ""))
            lines += textwrap.wrap(field.description or "", width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines) + "\n"


def grouped() -> Iterator[tuple[str, list[str]]]:
    """Titles and names of settings; each setting once."""
    left = list(Settings.model_fields)
    for title, beginnings in GROUPS.items():
        names = [name for name in left if name in beginnings or name.startswith(_prefixes(beginnings))]
        left = [name for name in left if name not in names]
        yield title, names
    yield OTHERS, left


def _prefixes(beginnings: Sequence[str]) -> tuple[str, ...]:
    """Those that are no names themselves."""
    return tuple(beginning for beginning in beginnings if beginning not in Settings.model_fields)


def default(field: FieldInfo) -> str:
    """A setting's default as one would write it; nothing for none."""
    match value := _value(field):
        case None | SecretStr():
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(value)
        case Path() if value.is_relative_to(Path.home()):
            return f"~/{value.relative_to(Path.home())}"
    return str(value)


def readable(field: FieldInfo) -> str:
    """Large sizes in their unit; nothing for other defaults."""
    value = _value(field)
    if not isinstance(value, int) or value < _SIZES[-1][0]:
        return ""
    return next((f"{value // size} {unit}" for size, unit in _SIZES if value % size == 0), "")


def _value(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)
