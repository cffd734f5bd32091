"""The `ola` command: which program each of its words starts. None is imported before it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

PROGRAMS: Mapping[str, tuple[str, str]] = {
    "chat": ("clients.chat.cli", "talk with a server in writing, with pictures, videos and sound"),
    "talk": ("clients.talk.cli", "talk with it aloud, and interrupt it"),
    "transcribe": ("clients.transcribe", "have recordings written down"),
    "speak": ("clients.speak", "have a text spoken"),
    "voices": ("clients.voices", "list, add and delete voices"),
    "tts-worker": ("tts.workers.cli", "speak for servers, on this machine or another"),
    "keys": ("server.access.keys.cli", "make, list and revoke API keys"),
    "doctor": ("server.doctor.cli", "look whether a server would work here, and say what to do"),
}
"""By their word: the module whose `main` takes the rest of the command line, and what it does."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and given[0] in PROGRAMS:
        return start(given[0], given[1:])
    from server.cli import main as serve

    return serve(given)


def start(word: str, rest: Sequence[str]) -> None:
    """Run the program of this word."""
    import_module(PROGRAMS[word][0]).main(rest)


if __name__ == "__main__":
    main()
