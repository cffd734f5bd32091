"""GET / and /web/...: the page to chat and talk with the model, from clients/web. Knows nothing of what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parents[1] / "clients" / "web"
INDEX = "index.html"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What a page is made of; no other file of the folder is served."""
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' blob: data:",  # what the user attaches
    "media-src": "'self' blob: data:",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS = {
    "cache-control": "no-cache",  # asked for each time, sent only when it changed
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, read once."""

    content: bytes
    kind: str
    """Its media type."""
    etag: str


def add_page(app: FastAPI, folder: Path = FOLDER) -> None:
    """The routes of the page, whose files are read now. They are no part of the API, nor of its description."""
    files = page_files(folder)

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return answer(request, files, INDEX)

    @app.get("/web/{name}", include_in_schema=False)
    async def file(request: Request, name: str) -> Response:
        return answer(request, files, name)


def page_files(folder: Path) -> Mapping[str, PageFile]:
    """The files of the page by name."""
    return {path.name: _read(path) for path in folder.iterdir() if path.suffix in _TYPES}


def answer(request: Request, files: Mapping[str, PageFile], name: str) -> Response:
    """The file, or that the browser has it already. Raises HTTPException (404)."""
    file = files.get(name)
    if file is None:
        raise HTTPException(404)
    headers = _HEADERS | {"etag": file.etag}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.kind)


def _read(path: Path) -> PageFile:
    content = path.read_bytes()
    return PageFile(content, _TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')
