"""How a listening socket closes without losing anybody: connections that the kernel has taken, and the server not yet,
would be reset with it, and what they have asked with them.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress

import anyio

_COMING_SECONDS = 0.2
"""For connections that have begun to be there, and for the event loop to take them: more than a round trip."""

_SO_ATTACH_FILTER = 26
_DROP_FIRST_PACKETS = (  # linux/filter.h; a packet begins with TCP's header
    (0x30, 0, 0, 13),  # load the flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFF_FFFF),
)


async def shut(listeners: Sequence[socket.socket]) -> None:
    """Return when these sockets may be closed: nobody is between the kernel and the server. Who comes meanwhile knocks
    again after a second, and is refused then. Cancelling it leaves them deaf.

    On other systems than Linux who comes meanwhile is taken as always, and some may be lost.
    """
    for listener in listeners:
        with suppress(OSError):  # no TCP, or a kernel without filters
            _drop_first_packets(listener)
    await anyio.sleep(_COMING_SECONDS)


def _drop_first_packets(listener: socket.socket) -> None:
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    code = b"".join(struct.pack("HBBI", *step) for step in _DROP_FIRST_PACKETS)
    program = ctypes.create_string_buffer(code)
    pointed = struct.pack("HP", len(_DROP_FIRST_PACKETS), ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointed)
