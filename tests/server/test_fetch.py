"""Attachments by URL: what is fetched, and what no request may reach."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import anyio
import pytest
from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from server.addresses import Address, is_public
from server.fetch import UrlFetcher
from server.media.errors import MediaError
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, served
from tests.serving import serving

pytestmark = pytest.mark.anyio


def site(hang: anyio.Event) -> FastAPI:
    """A web site with what one finds on the web."""
    app = FastAPI()

    @app.get("/file")
    async def file() -> Response:
        return Response(b"x" * 1000)

    @app.get("/pieces")
    async def pieces() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"y" * 100

        return StreamingResponse(parts())

    @app.get("/to")
    async def to(url: str) -> Response:
        return RedirectResponse(url)

    @app.get("/gzip")
    async def gzip() -> Response:
        return Response(b"?", headers={"content-encoding": "gzip"})

    @app.get("/hang")
    async def hanging() -> None:
        await hang.wait()

    return app


def only_home(address: Address) -> bool:
    return address == ip_address("127.0.0.1")


async def fetch(path: str, max_bytes: int = 1000, seconds: float = 10) -> bytes:
    """What a fetcher that may dial 127.0.0.1, and nothing else, gets from the site."""
    hang = anyio.Event()
    async with serving(site(hang)) as url:
        try:
            return await UrlFetcher(max_bytes, only_home, seconds)(url + path)
        finally:
            hang.set()


@pytest.mark.parametrize("path", ["/file", "/to?url=/file", "/to?url=/to?url=/file"])
async def test_a_file_is_fetched(path: str) -> None:
    assert await fetch(path) == b"x" * 1000


async def test_a_file_of_unknown_length_is_fetched() -> None:
    assert await fetch("/pieces") == b"y" * 1000


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/to?url=/to?url=/to?url=/to?url=/file", "redirects too often"),
        ("/to?url=http://127.0.0.2/", "may not be fetched"),
        ("/to?url=file:///etc/passwd", "only plain http(s)"),
        ("/nothing", "status 404"),
        ("/gzip", "status 200"),
    ],
)
async def test_what_is_not_fetched(path: str, why: str) -> None:
    with pytest.raises(MediaError, match=re.escape(why)):
        await fetch(path)


@pytest.mark.parametrize("path", ["/file", "/pieces"])
async def test_a_file_that_is_too_large(path: str) -> None:
    with pytest.raises(MediaError) as refusal:
        await fetch(path, max_bytes=999)
    assert refusal.value.status == 413


async def test_a_site_that_does_not_answer() -> None:
    with pytest.raises(MediaError, match="too long"):
        await fetch("/hang", seconds=0.1)


@pytest.mark.parametrize(
    "url",
    ["http://user:word@127.0.0.1/", "http:///file", "gopher://127.0.0.1/", "http://127.0.0.1:99999/", "http://[/"],
)
async def test_urls_that_are_refused_unread(url: str) -> None:
    with pytest.raises(MediaError):
        await UrlFetcher(1000, only_home)(url)


async def test_encryption_is_not_optional() -> None:
    async with serving(site(anyio.Event())) as url:
        with pytest.raises(MediaError, match="could not be fetched"):
            await UrlFetcher(1000, only_home)(url.replace("http:", "https:") + "/file")


async def test_a_name_with_one_inner_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(*_: object, **__: object) -> list[Any]:
        return [(0, 0, 0, "", ("8.8.8.8", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]

    monkeypatch.setattr("server.fetch.anyio.getaddrinfo", both)
    with pytest.raises(MediaError, match="may not be fetched"):
        await UrlFetcher(1000)("http://example.com/")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize(("fetch_urls", "why"), [(False, "does not fetch URLs"), (True, "may not be fetched")])
async def test_a_server_never_fetches_from_itself(fetch_urls: bool, why: str) -> None:
    async with served(ScriptedEngine(), fetch_urls=fetch_urls) as server:
        part = {"type": "image_url", "image_url": {"url": f"{server.http.base_url}/health"}}
        messages = [{"role": "user", "content": [part]}]
        response = await server.http.post("/v1/chat/completions", json=ASK | {"messages": messages})
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["param"], why in error["message"]) == ("messages[0].content[0]", True)
