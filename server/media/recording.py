"""A recording of any length, decoded as it is taken, so that hours of it never lie in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator
from typing import IO

import numpy as np
import numpy.typing as npt
from anyio import CancelScope, fail_after, to_thread

from engine.api import SAMPLE_RATE
from server.media.decoder import ENVIRONMENT, PACKAGE_ROOT
from server.media.errors import MediaError, too_large
from server.media.listener import MAX_SECONDS

Samples = npt.NDArray[np.float32]

_BLOCK_BYTES = SAMPLE_RATE * 4
"""A second."""
_PATIENCE = 30.0
"""Seconds for which the decoder may be silent."""


async def sound_blocks(file: IO[bytes]) -> AsyncGenerator[Samples, None]:
    """The first sound stream of a file on disk: float32 mono at SAMPLE_RATE, in blocks of a second at most.

    A process of its own decodes it, which waits for whoever takes the blocks, and is killed when this is closed.

    Raises:
        MediaError: it is damaged, of an unknown format, longer than MAX_SECONDS, or takes the decoder too long.
    """
    process = subprocess.Popen(  # noqa: ASYNC220 - it is as quick as the other
        [sys.executable, "-m", "server.media.listener"],
        cwd=PACKAGE_ROOT,
        env=ENVIRONMENT,
        stdin=file.fileno(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    seconds = 0.0
    try:
        while len(block := await _read(process.stdout)):
            seconds += len(block) / SAMPLE_RATE
            if seconds > MAX_SECONDS:
                raise too_large(f"the recording is longer than {MAX_SECONDS} s.")
            yield block
        if await to_thread.run_sync(process.wait) or not seconds:
            raise MediaError("the recording is damaged, of an unknown format, or holds no sound.")
    finally:
        process.kill()
        with CancelScope(shield=True):
            await to_thread.run_sync(process.wait)
        process.stdout.close()


async def _read(output: IO[bytes]) -> Samples:
    try:
        with fail_after(_PATIENCE):
            data = await to_thread.run_sync(output.read, _BLOCK_BYTES, abandon_on_cancel=True)
    except TimeoutError:
        raise too_large("decoding takes too long.") from None
    return np.frombuffer(data, "<f4")
