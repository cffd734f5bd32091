"""Attachments by URL through the real server: off, on, and never from the server's own network."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image as Pillow
from pydantic import ValidationError

from engine.api import Image
from server.media.fetch import FetchLimits, UrlFetcher
from server.settings import Settings
from tests.media.site import reply, site
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, Served, served

pytestmark = pytest.mark.anyio


async def ask_about(server: Served, url: str) -> httpx.Response:
    """Ask about the picture that `url` names."""
    part = {"type": "image_url", "image_url": {"url": url}}
    return await server.http.post(
        "/v1/chat/completions", json=ASK | {"messages": [{"role": "user", "content": [part]}]}
    )


def picture() -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (4, 3), "red").save(file, "png")
    return file.getvalue()


@pytest.fixture
def fetchers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[FetchLimits], UrlFetcher]], None]:
    """Lets a test say what an app fetches with: the one that it would make of its settings fetches nothing here."""
    return lambda make: monkeypatch.setattr("server.app.UrlFetcher", make)


async def test_urls_are_refused_by_default() -> None:
    engine = ScriptedEngine()
    async with served(engine) as server:
        response = await ask_about(server, "https://files.test/picture.png")
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "messages[0].content[0]")
    assert "this server does not fetch URLs; attach the file as a data URI" in error["message"]
    assert engine.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254"])
async def test_a_server_that_fetches_does_not_fetch_from_itself(host: str) -> None:
    async with served(ScriptedEngine(), fetch_urls=True) as server:
        response = await ask_about(server, f"https://{host}/picture.png")
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["message"] == "messages[0].content[0]: the URL could not be fetched."


async def test_what_a_url_names_reaches_the_engine(fetchers: Any) -> None:
    engine = ScriptedEngine()
    async with site(reply(picture())) as elsewhere:
        fetchers(lambda limits: elsewhere.fetcher(max_bytes=limits.max_bytes))
        async with served(engine, fetch_urls=True) as server:
            response = await ask_about(server, elsewhere.url("/picture.png"))
    assert response.status_code == 200
    [image] = engine.requests[0]["messages"][0]["content"]
    assert isinstance(image, Image)
    assert image.pixels.shape == (3, 4, 3)


async def test_the_setting_for_attachments_bounds_what_is_fetched(fetchers: Any) -> None:
    async with site(reply(b"", "Content-Length: 11"), holds=True) as elsewhere:
        fetchers(lambda limits: elsewhere.fetcher(max_bytes=limits.max_bytes))
        async with served(ScriptedEngine(), fetch_urls=True, max_attachment_bytes=10) as server:
            response = await ask_about(server, elsewhere.url())
    assert response.status_code == 413
    assert response.json()["error"]["message"].endswith("the attachment is larger than 10 bytes.")


@pytest.mark.parametrize("given", ["files.test, 10.0.0.5:9000,[::1]:8", ("files.test", "10.0.0.5:9000", "[::1]:8")])
def test_hosts_may_be_listed(given: Any) -> None:
    assert Settings(fetch_urls=given).fetch_urls == ("files.test", "10.0.0.5:9000", "[::1]:8")


@pytest.mark.parametrize(("given", "meant"), [("true", True), ("False", False), ("", False), ("on", True)])
def test_or_all_or_none_allowed(given: Any, meant: bool) -> None:
    assert Settings(fetch_urls=given).fetch_urls is meant


@pytest.mark.parametrize("given", ["https://files.test", "files.test/x", "a b", "user@files.test"])
def test_a_list_of_anything_else_ends_the_start(given: Any) -> None:
    with pytest.raises(ValidationError, match="is no host"):
        Settings(fetch_urls=given)


async def test_only_listed_hosts_are_asked(fetchers: Any) -> None:
    limits: list[FetchLimits] = []

    def make(given: FetchLimits) -> UrlFetcher:
        limits.append(given)
        return UrlFetcher(given)

    fetchers(make)
    async with served(ScriptedEngine(), fetch_urls="files.test") as server:
        response = await ask_about(server, "https://other.test/picture.png")
    assert limits[0].hosts == {"files.test"}
    assert response.json()["error"]["message"].endswith("this server does not fetch from that host.")


async def test_the_fetcher_is_closed_with_the_app(fetchers: Any) -> None:
    closed: list[UrlFetcher] = []

    class Noting(UrlFetcher):
        async def close(self) -> None:
            closed.append(self)
            await super().close()

    fetchers(Noting)
    async with served(ScriptedEngine(), fetch_urls=True):
        assert closed == []
    assert len(closed) == 1
