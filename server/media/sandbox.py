"""What a decoder process gives up before it sees a stranger's file: memory, time, files, the network. Linux only."""

from __future__ import annotations

import ctypes
import os
import resource
import tempfile

MEMORY = 4 * 2**30
"""Address space in bytes. A picture at the limit needs 2.5 GB, with all that is loaded."""
LARGEST_FILE = 2**31
"""Bytes of a result; other files are not written at all."""
OPEN_FILES = 32

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def shut_in() -> bool:
    """Give up network, files and means, in this order. Call it when everything is imported, before there are threads:
    root in a namespace of its own cannot read what others own.

    False where the kernel does not let network or files be given up; the limits hold all the same.
    """
    hidden = leave_network()
    hidden = leave_files() and hidden
    limit_all()
    return hidden


def leave_network() -> bool:
    """Move this process to a network of its own in which nothing is.

    False where the kernel does not let unprivileged processes do so, as in most containers.
    """
    return bool(ctypes.CDLL(None).unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def leave_files() -> bool:
    """Make an empty folder the root of all paths. False unless `leave_network` has
    worked, or this is root."""
    try:
        path = tempfile.mkdtemp(prefix="ola-empty-")
        os.chdir(path)
        os.rmdir(path)
        os.chroot(".")
    except OSError:
        return False
    return True


def limit_all() -> None:
    """Memory, files and core dumps, for good."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def limit_cpu(seconds: float) -> None:
    """Let this process be killed when it has computed for so much longer."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = max(1, int(used.ru_utime + used.ru_stime + seconds) + 1)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))
