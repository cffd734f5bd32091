"""The options by which every command finds its server, and OpenAI's SDK opened with them."""

from __future__ import annotations

import os
from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

BASE_URL = "http://127.0.0.1:8000/v1"
"""Where `ola serve` listens unless told otherwise. Without it the SDK would ask OpenAI's own servers."""


def add_server_options(parser: ArgumentParser, *, again: bool = False) -> None:
    """`again`: a command's parser has them already, and this is that of a part of it."""
    server = parser.add_argument_group("server")
    server.add_argument(
        "--base-url",
        default=SUPPRESS if again else os.environ.get("OPENAI_BASE_URL") or BASE_URL,
        metavar="URL",
        help=f"where its API is (default: OPENAI_BASE_URL or {BASE_URL})",
    )
    server.add_argument(
        "--api-key",
        default=SUPPRESS if again else os.environ.get("OPENAI_API_KEY") or "none",
        metavar="KEY",
        help="the key that it wants, if it wants one (default: OPENAI_API_KEY)",
    )


def opened(options: Namespace) -> OpenAI:
    """The SDK's client. It does not try again: whoever sits before a terminal wants to know at once."""
    from openai import OpenAI

    return OpenAI(base_url=options.base_url, api_key=options.api_key, max_retries=0)


def opened_async(options: Namespace) -> AsyncOpenAI:
    """The same for asyncio."""
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=options.base_url, api_key=options.api_key, max_retries=0)


def served_model(sdk: OpenAI) -> str:
    """The first model that the server lists."""
    from clients.ending import ClientError

    models = sdk.models.list().data
    if not models:
        raise ClientError("the server lists no model; name one with --model")
    return models[0].id
