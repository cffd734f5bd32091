"""An attachment's bytes on their way to disk: counted, hashed and written in one go, never held as a whole."""

from __future__ import annotations

import hashlib
import tempfile
from threading import Lock

from server.media.errors import MediaError, too_large


class Quota:
    """How many bytes the attachments of one request may still have. May be used by several threads."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._taken = 0
        self._lock = Lock()

    def take(self, size: int) -> None:
        """Count `size` more bytes.

        Raises:
            MediaError: those are too many (413).
        """
        with self._lock:
            self._taken += size
            if self._taken > self.max_bytes:
                raise too_large(f"the attachments are larger than {self.max_bytes} bytes together.")


class StoredFile:
    """A file without a name, gone when closed. Filled with `feed`; after that `digest` and `size` are those of it all.

    `salt` makes the digests of equal bytes differ that are to be decoded differently.
    """

    def __init__(self, salt: str, quota: Quota) -> None:
        # FFmpeg must seek: an mp4's index may be at its end. So it is no pipe.
        self._file = tempfile.TemporaryFile(prefix="ola-media-", buffering=0)  # noqa: SIM115
        self._hash = hashlib.sha256(salt.encode())
        self._quota = quota
        self.size = 0

    def feed(self, piece: bytes) -> None:
        """Append `piece`; blocks for as long as the disk does.

        Raises:
            MediaError: with it, this or all attachments of the request have too many bytes (413).
        """
        self.size += len(piece)
        if self.size > self._quota.max_bytes:
            raise too_many_bytes(self._quota.max_bytes)
        self._quota.take(len(piece))
        self._hash.update(piece)
        self._file.write(piece)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()


def too_many_bytes(max_bytes: int) -> MediaError:
    return too_large(f"the attachment is larger than {max_bytes} bytes.")
