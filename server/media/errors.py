"""The one exception that a bad attachment causes. Its texts are fixed; what a decoder had to say goes to the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class MediaError(Exception):
    """An attachment is refused. `why` is for the user, `param` names the part, as in `messages[0].content[2]`,
    `status` is an HTTP status: 413 if the attachment passes a limit, 429 if the server holds too much, else 400."""

    def __init__(self, why: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(why)
        self.why, self.status, self.param, self.code = why, status, param, code

    @property
    def message(self) -> str:
        return f"{self.param}: {self.why}" if self.param else self.why

    def __str__(self) -> str:
        return self.message


def too_large(why: str) -> MediaError:
    return MediaError(why, status=413)


@contextmanager
def naming(param: str) -> Iterator[None]:
    """Let every MediaError raised inside name the part `param`; decoders do not know which part they decode."""
    try:
        yield
    except MediaError as error:
        # A new one: several parts, of several requests, may be waiting for the decoding that this one ended.
        raise MediaError(error.why, status=error.status, param=param, code=error.code) from error
