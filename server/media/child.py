"""The decoder process: takes files and jobs from a socket, one after the other, and gives back arrays in shared memory.

Started by `server.media.decoder`. Knows no request; what it does is safe to lose at any time.
"""

from __future__ import annotations

import importlib
import json
import math
import mmap
import os
import pkgutil
import socket
import sys
from contextlib import suppress

from server.media import sandbox
from server.media.errors import MediaError, too_large
from server.media.job import Array, Job, RefusedError

_LONGEST_MESSAGE = 4096
_LOGGED = 500


class Results:
    """Arrays in memory that the gateway can map. Used once, for one job."""

    def __init__(self, gateway: socket.socket) -> None:
        self._gateway = gateway
        self.files: list[int] = []

    def allocate(self, shape: tuple[int, ...], dtype: str) -> Array:
        """An empty array, after the gateway has agreed to hold it.

        Raises:
            RefusedError: it has not.
        """
        import numpy as np

        size = math.prod(shape) * np.dtype(dtype).itemsize
        self._gateway.send(json.dumps({"needs": size}).encode())
        if self._gateway.recv(_LONGEST_MESSAGE) != b"go":
            raise RefusedError
        file = os.memfd_create("result", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self.files.append(file)
        os.ftruncate(file, size)
        array: Array = np.ndarray(shape, dtype, buffer=mmap.mmap(file, size))
        return array

    def close(self) -> None:
        for file in self.files:
            os.close(file)


def decode(file: int, job: Job, results: Results) -> list[Array]:
    """What the file holds.

    Raises:
        MediaError: it is refused.
        RefusedError: what it holds is.
    """
    from server.media.image import decode_image
    from server.media.sound import decode_pcm16, decode_sound
    from server.media.video import decode_video

    match job.kind:
        case "image":
            return decode_image(file, job, results.allocate)
        case "pcm16":
            return decode_pcm16(file, results.allocate)
        case "sound":
            return decode_sound(file, results.allocate)
        case "video":
            return decode_video(file, job, results.allocate)


def reply_to(file: int, job: Job, gateway: socket.socket) -> None:
    """Do one job and send what came of it."""
    results = Results(gateway)
    try:
        arrays = decode(file, job, results)
        shapes = [[array.dtype.name, *array.shape] for array in arrays]
        socket.send_fds(gateway, [json.dumps({"arrays": shapes}).encode()], results.files)
    except RefusedError:
        pass  # whoever refused knows
    except MediaError as error:
        gateway.send(_refusal(error, error.__cause__))
    except MemoryError as error:
        gateway.send(_refusal(too_large("decoding takes too much memory."), error))
    except Exception as error:  # the outermost loop of this process: a library tripped over the file
        gateway.send(_refusal(MediaError("the attachment is damaged or of an unknown format."), error))
    finally:
        results.close()


def _refusal(error: MediaError, cause: BaseException | None) -> bytes:
    said = f"{type(cause).__name__}: {cause}"[:_LOGGED] if cause else ""
    return json.dumps({"why": error.why, "status": error.status, "log": said}).encode()


def main() -> None:
    gateway = socket.socket(fileno=int(sys.argv[1]))
    import_all()
    gateway.send(json.dumps({"ready": sandbox.shut_in()}).encode())
    while True:
        message, files, *_ = socket.recv_fds(gateway, _LONGEST_MESSAGE, 1)
        if not message:
            return  # the gateway is gone
        job = Job.unpack(message)
        sandbox.limit_cpu(job.cpu_seconds)
        try:
            reply_to(files[0], job, gateway)
        finally:
            os.close(files[0])


def import_all() -> None:
    """Everything that a job may need: later there are no files to import from."""
    import av
    from PIL import Image as Pillow

    from server.media import image, sound, video  # noqa: F401

    for module in pkgutil.walk_packages(av.__path__, "av."):  # PyAV loads parts of itself when they are first needed
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    av.logging.set_level(None)  # what a decoder has to say about a stranger's file is his to choose
    Pillow.init()
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()


if __name__ == "__main__":
    main()
