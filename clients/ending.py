"""How a command ends: done, stopped by Ctrl-C, or with one line that says what is wrong and what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import APIStatusError

FAILED, STOPPED, PIPE_CLOSED = 1, 130, 141
"""Exit codes; the last two are those of a program that its signal ends."""

NO_KEY = "The server wants a key, or another one: give it with --api-key or OPENAI_API_KEY"

_HINTS = {
    "model_not_found": "Leave --model out to use the server's own.",
    "unknown_voice": "`ola voices` lists them.",
    "no_voice": "The server was started without a voice (OLA_VOICE=none).",
    "voice_cannot_imitate": "A server with CosyVoice can (docs/voices.md).",
    "rate_limit_exceeded": "The key has reached its limit; try again later.",
}
"""What to do about an error of this code."""


class ClientError(Exception):
    """What a user can do something about; the message says what."""


@contextmanager
def ending(command: str, base_url: str) -> Iterator[None]:
    """Runs a command's work and ends the process with the exit code that fits."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except BrokenPipeError:
        # Whoever read the answers has enough. The interpreter would write to the pipe once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)
    except Exception as error:
        if (said := explained(error, base_url)) is None:
            raise
        complain(command, said)
        sys.exit(FAILED)


def complain(command: str, said: str) -> None:
    """One line on standard error, red on a terminal."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print(f"ola {command}: {said}", style="red", markup=False, highlight=False)


def explained(error: BaseException, base_url: str) -> str | None:
    """What went wrong and what to do, or None for what nobody foresaw."""
    import openai

    match error:
        case BaseExceptionGroup():  # tasks that ended each other: the first one knows why, unless one is a surprise
            said = [explained(one, base_url) for one in error.exceptions]
            return None if None in said else said[0]
        case ClientError():
            return str(error)
        case openai.APITimeoutError():
            return f"the server at {base_url} did not answer in time"
        case openai.APIConnectionError():
            return unreachable(base_url)
        case openai.APIStatusError():
            return refused(error)
        case openai.OpenAIError():
            return str(error)
    return None


def unreachable(base_url: str) -> str:
    return f"no server answers at {base_url}. Start one with `ola serve`, or name another with --base-url"


def refused(error: APIStatusError) -> str:
    """What the server said, with what to do."""
    body = error.body if isinstance(error.body, dict) else {}
    said = str(body.get("message") or f"the server answered with status {error.status_code}")
    if error.status_code == 401:
        return f"{said} {NO_KEY}"
    if error.status_code == 404 and not body.get("code"):
        return f"{said} Is it this server's API? --base-url mostly ends with /v1"
    hint = _HINTS.get(str(body.get("code")))
    return f"{said} {hint}" if hint else said
