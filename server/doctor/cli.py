"""`ola doctor`: looks at everything that `ola serve` with these options would need, and says what to do."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict

import anyio
from pydantic import ValidationError

from server.cli import DEMO, problems
from server.doctor import connections, installed, machine, model, speech
from server.doctor.finding import Finding, broken
from server.settings import Settings

MARKS = {"ok": "ok     ", "warning": "warning", "broken": "BROKEN "}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name. Exit status 1: something is broken."""
    options = _parser().parse_args(arguments)
    found: list[Finding] = []

    async def look() -> None:
        async for finding in findings(options.model, _given(options)):
            found.append(finding)
            if not options.json:
                print(shown(finding), flush=True)

    anyio.run(look)
    if options.json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    sys.exit(any(finding.state == "broken" for finding in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ola doctor",
        description="What is installed, and would `ola serve` work with these options and the OLA_... variables?",
    )
    parser.add_argument("--model", default=str(DEMO), help="checkpoint folder or hub id (default: the demo model)")
    parser.add_argument("--host", help="as of `ola serve`")
    parser.add_argument("--port", type=int, help="as of `ola serve`")
    parser.add_argument("--json", action="store_true", help="a JSON array instead of lines")
    return parser


def _given(options: argparse.Namespace) -> dict[str, object]:
    return {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}


async def findings(checkpoint: str, given: dict[str, object]) -> AsyncIterator[Finding]:
    """One after the other, the quick ones first. `given` are settings that win over the environment's."""
    yield installed.python()
    yield installed.engine()
    yield installed.torch_companions()
    yield installed.extras()
    yield installed.compiler()
    yield installed.headers()
    yield machine.gpu(engine_build())
    yield machine.memory()
    yield machine.open_files()
    yield machine.disk(model.downloads())
    yield await speech.media()
    settings = None
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        for line in problems(error).splitlines():
            yield broken("settings", line.removeprefix("ola serve: "), "docs/configuration.md lists them all")
    if settings is not None:
        async for finding in of_settings(settings):
            yield finding
    yield model.model(checkpoint)


async def of_settings(settings: Settings) -> AsyncIterator[Finding]:
    """What depends on them."""
    yield connections.port(settings)
    reached = await connections.redis(settings)
    for finding in reached:
        yield finding
    if any(finding.state == "broken" for finding in reached):
        return  # the voice and the keys would say the same once more
    yield await connections.keys(settings)
    yield await speech.voice(settings)


def engine_build() -> str | None:
    """`cpu` or `gpu`; None without an engine."""
    return next((build for name, build in installed.ENGINES.items() if installed.installed(name)), None)


def shown(finding: Finding) -> str:
    line = f"{MARKS[finding.state]}  {finding.subject:<10}  {finding.says}"
    return f"{line}\n{'':9}-> {finding.fix}" if finding.fix else line
