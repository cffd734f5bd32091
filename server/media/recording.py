"""A recording of any length, decoded as it is taken, so that hours of it never lie in memory.

By the ffmpeg command, whose pipe makes it wait for whoever listens; a decoder process answers whole files only.
"""

from __future__ import annotations

import logging
import resource
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from typing import IO

import ffmpeg
import numpy as np
import numpy.typing as npt
from anyio import CancelScope, fail_after, to_thread

from engine.api import SAMPLE_RATE
from server.media.container import DEMUXERS, SOUND_CODECS
from server.media.errors import MediaError, too_large
from server.media.sandbox import MEMORY, OPEN_FILES

Samples = npt.NDArray[np.float32]

MAX_SECONDS = 4 * 3600
"""A few megabytes can hold days of silence."""

_BLOCK_BYTES = SAMPLE_RATE * 4
"""A second."""
_PATIENCE = 30.0
"""Seconds for which the decoder may be silent."""
_CPU_SECONDS = 600
"""Four hours of AAC take 60."""
_LOGGED_BYTES = 2000

_log = logging.getLogger(__name__)


async def sound_blocks(file: IO[bytes]) -> AsyncGenerator[Samples, None]:
    """The first sound stream of a file: float32 mono at SAMPLE_RATE, in blocks of a second at most.

    The decoder waits for whoever takes the blocks, and is killed when this is closed.

    Raises:
        MediaError: it is damaged, of an unknown format, longer than MAX_SECONDS, or takes the decoder too long.
    """
    # ffmpeg must seek: an mp4's index may be at its end.
    with tempfile.NamedTemporaryFile(prefix="ola-media-") as copy, tempfile.TemporaryFile() as complaints:
        await to_thread.run_sync(shutil.copyfileobj, file, copy)
        copy.flush()
        process = _decoder(copy.name, complaints)
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
                await to_thread.run_sync(_reap, process, complaints)


def _decoder(path: str, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    # A file, not a pipe, for the complaints: nobody has to read it for the child to go on.
    opened = ffmpeg.input(path, format_whitelist=DEMUXERS, codec_whitelist=SOUND_CODECS, protocol_whitelist="file")
    output = opened["a:0"].output("pipe:", format="f32le", ac=1, ar=SAMPLE_RATE)
    command = ffmpeg.compile(output, cmd=["ffmpeg", "-nostdin", "-hide_banner", "-v", "error"])
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, start_new_session=True
    )
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, _LOGGED_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.prlimit(process.pid, what, (most, most))
    return process


def _reap(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    assert process.stdout is not None
    status = process.wait()
    process.stdout.close()
    complaints.seek(0)
    if text := complaints.read(_LOGGED_BYTES):
        _log.info("ffmpeg ended with status %d: %s", status, text.decode(errors="replace"))


async def _read(output: IO[bytes]) -> Samples:
    try:
        with fail_after(_PATIENCE):
            data = await to_thread.run_sync(output.read, _BLOCK_BYTES, abandon_on_cancel=True)
    except TimeoutError:
        raise too_large("decoding takes too long.") from None
    samples = np.frombuffer(data, "<f4")
    if not np.isfinite(samples).all():
        raise MediaError("the sound holds values that are not numbers.")
    return samples
