"""`ola keys`: makes, lists and revokes the keys of a server, in the file or the Redis that OLA_KEYS names."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from server.access.access import open_keys
from server.access.keys.key import (
    KeyRecord,
    KeysError,
    KeyStore,
    Name,
    TakenKeyNameError,
    account_of,
    digest_of,
    new_secret,
)
from server.access.limits.quota import Quota
from server.settings import Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; `arguments` without the command's name."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(options))
    except (KeysError, ValidationError) as error:
        shown = error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else error
        sys.exit(f"ola keys: {shown}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ola keys", description="The keys of a server, in the file or the Redis (with OLA_REDIS_URL) of OLA_KEYS."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key and print its secret, once")
    create.add_argument("name", help="what it is called in lists and logs")
    create.add_argument("--scope", choices=("all", "metrics"), default="all", help="metrics: opens /metrics only")
    _add_limits(create)
    commands.add_parser("list", help="names and limits; secrets are kept nowhere")
    revoke = commands.add_parser("revoke", help="end a key, at once")
    revoke.add_argument("name")
    default = commands.add_parser("default", help="set the limits of keys that have none of their own")
    _add_limits(default)
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    for name, field in Quota.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_limit,
            default=argparse.SUPPRESS,
            metavar="N",
            help=f"{field.description} Or none.",
        )


def _limit(text: str) -> int | None:
    """A number, or `none` for no limit in spite of the default."""
    if text == "none":
        return None
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _limits(options: argparse.Namespace) -> Quota:
    given = vars(options)
    return Quota(**{name: given[name] for name in Quota.model_fields if name in given})


async def _run(options: argparse.Namespace) -> None:
    settings = Settings()
    async with AsyncExitStack() as closing:
        store = open_keys(settings, closing)
        if store is None:
            raise KeysError("OLA_KEYS is not set; set it to a file, such as keys.json, or to redis")
        match options.command:
            case "create":
                await _create(store, options)
            case "list":
                await _list(store)
            case "revoke":
                await _revoke(store, options.name)
            case "default":
                await store.set_default_limits(_limits(options))


async def _create(store: KeyStore, options: argparse.Namespace) -> None:
    name = TypeAdapter(Name).validate_python(options.name)
    secret, limits = new_secret(), _limits(options)
    record = KeyRecord(
        sha256=digest_of(secret.encode()),
        created=datetime.now(UTC).replace(microsecond=0),
        scope=options.scope,
        limits=limits,
    )
    try:
        await store.add(name, record)
    except TakenKeyNameError:
        raise KeysError(f"there is a key called {name} already; revoke it first") from None
    print("This is the only time that the key is shown.", file=sys.stderr)
    print(secret)


async def _list(store: KeyStore) -> None:
    print(f"default: {_shown(await store.default_limits())}")
    for name, record in (await store.records()).items():
        created = record.created.isoformat() if record.created else "-"
        print(f"{name}  {account_of(record.sha256)}  {created}  {record.scope}  {_shown(record.limits)}")


async def _revoke(store: KeyStore, name: str) -> None:
    if not await store.remove(name):
        raise KeysError(f"there is no key called {name}")


def _shown(limits: Quota) -> str:
    said = limits.model_dump(exclude_unset=True)
    return ", ".join(f"{name}={'none' if value is None else value}" for name, value in said.items()) or "no limits"
