"""A process that decodes one recording of any length: the file is its standard input, samples go to its output.

Started by `server.media.recording`, and as shut in as `server.media.child`.
"""

from __future__ import annotations

import sys

from server.media import sandbox
from server.media.child import import_all
from server.media.errors import MediaError

MAX_SECONDS = 4 * 3600
"""A few megabytes can hold days of silence."""

_CPU_SECONDS = 900.0


def main() -> None:
    import_all()
    from server.media.sound import stream_sound

    sandbox.shut_in()
    sandbox.limit_cpu(_CPU_SECONDS)
    # One second more than is taken, so that whoever counts sees that there is more.
    try:
        for piece in stream_sound(sys.stdin.fileno(), MAX_SECONDS + 1):
            sys.stdout.buffer.write(piece.astype("<f4", copy=False).tobytes())
            sys.stdout.buffer.flush()
    except MediaError:
        sys.exit(1)


if __name__ == "__main__":
    main()
