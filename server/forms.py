"""Reads a form with a file, bounded while it is read: small parts in memory, the file on disk. Knows no field of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from server.access.places import Place
from server.body import body_pieces
from server.errors import RequestError

_MAX_FIELDS, _MAX_FIELD_BYTES = 32, 32_768
_IN_MEMORY = MultiPartParser.spool_max_size + _MAX_FIELDS * _MAX_FIELD_BYTES
"""Bytes of a form at most; the rest of its file is on disk."""


class _BrokenOffError(MultiPartException):
    """The body could not be read to its end."""

    def __init__(self, why: Exception) -> None:
        super().__init__("it breaks off")
        self.why = why


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def read_form(request: Request, max_bytes: int, place: Place | None = None) -> FormData:
    """The fields of a form with one file at most, which the caller closes. Cancelling it leaves the rest unread.

    `place` holds no more than what of the form is in memory, the rest on disk.

    Raises:
        RequestError: no form (415), more than `max_bytes` (413), malformed (400), or no room for it (503).
        Exception: whatever keeps the body from being read, such as a client that left while sending.
    """
    if not is_form(request):
        raise RequestError("The body must be sent as Content-Type: multipart/form-data.", status=415)
    try:
        async with aclosing(_pieces(request, max_bytes, place)) as pieces:
            bounds = {"max_files": 1, "max_fields": _MAX_FIELDS, "max_part_size": _MAX_FIELD_BYTES}
            return await MultiPartParser(request.headers, pieces, **bounds).parse()
    except _BrokenOffError as error:
        raise error.why from error
    except (MultiPartException, KeyError) as error:
        raise RequestError(f"The body is not a valid form: {error}.", code="invalid_form") from error


def form_values(form: FormData, file: str) -> tuple[UploadFile, dict[str, Any]]:
    """The file, sent as the field `file`, and the other fields by name; those whose name ends in `[]` as lists.

    Raises:
        RequestError: the file is missing, something else is a file, or a field is there twice.
    """
    values: dict[str, Any] = {}
    for key, value in form.multi_items():
        name = key.removesuffix("[]")
        if isinstance(value, UploadFile) != (key == file):
            raise RequestError(f"{key} must {'not ' * (key != file)}be sent as a file.", param=name)
        if name != key and isinstance(several := values.setdefault(name, []), list):
            several.append(value)
        elif name in values:
            raise RequestError(f"{name} is given twice.", param=name)
        else:
            values[name] = value
    if not isinstance(found := values.pop(file, None), UploadFile):
        raise RequestError(f"{file}: the recording is missing.", param=file)
    return found, values


async def _pieces(request: Request, max_bytes: int, place: Place | None) -> AsyncGenerator[bytes, None]:
    """The body, with failures as exceptions of the parser: only at these does it close its files."""
    try:
        async with aclosing(body_pieces(request, max_bytes)) as pieces:
            async for piece in pieces:
                yield piece
                if place is not None:  # the parser has written it
                    place.spill(_IN_MEMORY)
    except Exception as error:
        raise _BrokenOffError(error) from error
