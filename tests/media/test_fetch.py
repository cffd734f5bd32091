"""Attachments by URL: what is fetched, what it may cost, and what no request may reach."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from server.addresses import Address
from server.media.errors import MediaError
from server.media.fetch import FetchLimits, UrlFetcher
from server.media.network import CheckedNetwork
from tests.media.site import NAME, Dialler, Names, chunked, reply, site

pytestmark = pytest.mark.anyio

UNREACHED = "the URL could not be fetched."
SLOW = "the URL took too long to fetch."


async def refusal(fetch: UrlFetcher, url: str) -> MediaError:
    """The error that fetching `url` ends in, well before any time limit that a test did not set."""
    with anyio.fail_after(5), pytest.raises(MediaError) as caught:
        await fetched(fetch, url)
    return caught.value


async def fetched(fetch: UrlFetcher, url: str) -> bytes:
    """What a URL names."""
    body = bytearray()

    async def feed(piece: bytes) -> None:
        body.extend(piece)

    await fetch(url, feed)
    return bytes(body)


async def asked_by(path: str) -> str:
    """The request that a site gets for a URL."""
    async with site(reply(b"x")) as served:
        await fetched(served.fetcher(), served.url(path))
    return served.requests[0]


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"x" * 1000),
        reply(b"x" * 1000, "Content-Length: 1000", "Content-Encoding: Identity"),
        reply(b"x" * 1000, "Connection: close"),
        chunked(b"x" * 400, b"x" * 600),
    ],
    ids=["stated length", "identity", "until closed", "chunked"],
)
async def test_a_file_is_fetched(answer: bytes) -> None:
    async with site(answer) as served:
        assert await fetched(served.fetcher(), served.url()) == b"x" * 1000


async def test_the_name_goes_on_although_the_address_is_dialled() -> None:
    async with site(reply(b"x")) as served:
        await fetched(served.fetcher(), served.url())
    assert served.dialler.dialled == ["127.0.0.1"]
    assert served.server_names == [NAME]
    assert f"\r\nHost: {NAME}:{served.port}\r\n" in served.requests[0]


async def test_nothing_is_asked_for_but_the_plain_file() -> None:
    request = await asked_by("/file")
    assert request.startswith("GET /file HTTP/1.1\r\n")
    assert "\r\nAccept-Encoding: identity\r\n" in request


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("?a=1", "/?a=1"),
        ("/a b/ä.png?q=ü&r=%20#part", "/a%20b/%C3%A4.png?q=%C3%BC&r=%20"),
        ("//other.test/@x", "//other.test/@x"),
    ],
)
async def test_what_stands_behind_the_name_is_sent_percent_encoded(path: str, target: str) -> None:
    assert (await asked_by(path)).startswith(f"GET {target} HTTP/1.1\r\n")


async def test_the_connection_ends_with_the_fetch() -> None:
    async with site(reply(b"x"), holds=True) as served:
        await fetched(served.fetcher(), served.url())
        with anyio.fail_after(5):
            await served.left.wait()


async def test_cancelling_closes_the_connection() -> None:
    async with site(reply(b"", "Content-Length: 10"), holds=True) as served, anyio.create_task_group() as group:
        group.start_soon(fetched, served.fetcher(), served.url())
        with anyio.fail_after(5):
            await served.asked.wait()
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await served.left.wait()


# Size


async def test_a_stated_length_is_refused_before_anything_of_it_comes() -> None:
    async with site(reply(b"", "Content-Length: 1001"), holds=True) as served:
        error = await refusal(served.fetcher(), served.url())
    assert (error.status, error.why) == (413, "the attachment is larger than 1000 bytes.")


@pytest.mark.parametrize("headers", ["Transfer-Encoding: chunked", "Connection: close"])
async def test_a_length_that_is_not_stated_is_counted(headers: str) -> None:
    piece = b"3e9\r\n" if "chunked" in headers else b""
    async with site(reply(piece + b"x" * 1001, headers), holds=True) as served:
        error = await refusal(served.fetcher(), served.url())
        with anyio.fail_after(5):
            await served.left.wait()
    assert (error.status, error.why) == (413, "the attachment is larger than 1000 bytes.")


# Answers that are none


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(b"secret", status="404 secret"), "the URL was answered with status 404."),
        (reply(b"", status="204 No Content"), "the URL was answered with status 204."),
        (reply(b"x", status="206 Partial Content"), "the URL was answered with status 206."),
        (reply(b"?", "Content-Length: 1", "Content-Encoding: gzip"), "the URL was answered with a compressed body."),
        (
            reply(b"?", "Content-Length: 1", "Content-Encoding: identity", "Content-Encoding: br"),
            "the URL was answered with a compressed body.",
        ),
        (reply(b"x" * 9, "Content-Length: 10"), UNREACHED),
        (reply(b"3e8\r\nx", "Transfer-Encoding: chunked"), UNREACHED),
        (reply(b"x", "Content-Length: -1"), UNREACHED),
        (b"", UNREACHED),
        (b"SSH-2.0-secret\r\n", UNREACHED),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, UNREACHED),
    ],
)
async def test_answers_that_are_no_file(answer: bytes, why: str) -> None:
    async with site(answer) as served:
        error = await refusal(served.fetcher(), served.url())
    assert (error.status, error.why) == (400, why)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with site() as served:
        served.answer = reply(b"", f"Location: {served.url('/other')}", "Content-Length: 0", status=f"{status} Away")
        error = await refusal(served.fetcher(), served.url())
    assert error.why == "the URL redirects; attach the address that it leads to."
    assert len(served.requests) == 1


# Time


async def test_an_answer_that_stops_coming() -> None:
    async with site(reply(b"x", "Content-Length: 10"), holds=True) as served:
        assert (await refusal(served.fetcher(read_seconds=0.05), served.url())).why == SLOW


async def test_an_answer_that_takes_too_long_as_a_whole() -> None:
    async with site(reply(b"x", "Content-Length: 10"), holds=True) as served:
        assert (await refusal(served.fetcher(seconds=0.05), served.url())).why == SLOW


async def test_a_host_that_accepts_and_says_nothing() -> None:
    async with site() as silent, await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        silent.port = listener.extra(anyio.abc.SocketAttribute.local_port)
        assert (await refusal(silent.fetcher(connect_seconds=0.05), silent.url())).why == SLOW


async def test_a_name_server_that_does_not_answer() -> None:
    async def never(_: str) -> list[Address]:
        await anyio.sleep_forever()
        raise AssertionError

    fetch = UrlFetcher(FetchLimits(10, seconds=0.05), CheckedNetwork(never))
    assert (await refusal(fetch, "https://files.test/")).why == SLOW


# TLS


async def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    async with site(reply(b"x")) as served:
        error = await refusal(served.fetcher(tls=ssl.create_default_context()), served.url())
    assert (error.why, served.requests) == (UNREACHED, [])


async def test_a_certificate_for_another_name_is_refused() -> None:
    async with site(reply(b"x")) as served:
        names = Names({"other.test": [["127.0.0.1"]]})
        error = await refusal(served.fetcher(names), served.url(name="other.test"))
    assert (error.why, served.requests, served.server_names) == (UNREACHED, [], ["other.test"])


async def test_an_answer_that_is_not_encrypted_is_refused() -> None:
    async with site(b"\x17\x03\x03\x00\x20" + b"x" * 32) as served:
        served.encrypts = False
        assert (await refusal(served.fetcher(), served.url())).why == UNREACHED


# Addresses


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("[::1]", "::1"),
        ("10.1.2.3", "10.1.2.3"),
        ("169.254.169.254", "169.254.169.254"),
        ("[::ffff:127.0.0.1]", "::ffff:7f00:1"),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1"),
        ("0.0.0.0", "0.0.0.0"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
    ],
)
async def test_inner_addresses_are_not_dialled_however_they_are_spelt(host: str, address: str) -> None:
    dialler, lax = Dialler(), Dialler()
    fetch = UrlFetcher(FetchLimits(10), CheckedNetwork(dialler=dialler))
    assert (await refusal(fetch, f"https://{host}/")).why == UNREACHED
    assert dialler.dialled == []
    # It is the check that stopped it, not the resolver: without one this very address is dialled.
    await refusal(UrlFetcher(FetchLimits(10), CheckedNetwork(allowed=lambda _: True, dialler=lax)), f"https://{host}/")
    assert address in lax.dialled


@pytest.mark.parametrize(
    ("addresses", "dialled"),
    [
        (["8.8.8.8", "2606:4700::1111"], ["8.8.8.8", "2606:4700::1111"]),
        (["8.8.8.8", "10.0.0.1"], []),
        (["8.8.8.8", "::ffff:10.0.0.1"], []),
        ([], []),
    ],
)
async def test_one_inner_address_spoils_a_name(addresses: list[str], dialled: list[str]) -> None:
    dialler = Dialler()
    fetch = UrlFetcher(FetchLimits(10), CheckedNetwork(Names({NAME: [addresses]}), dialler=dialler))
    assert (await refusal(fetch, "https://files.test/")).why == UNREACHED
    assert dialler.dialled == dialled


async def test_a_name_is_resolved_once() -> None:
    async with site(reply(b"x")) as served:
        names = Names({NAME: [["127.0.0.1"], ["10.0.0.1"]]})
        await fetched(served.fetcher(names), served.url())
    assert (names.asked, served.dialler.dialled) == ([NAME], ["127.0.0.1"])


async def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    async with site(reply(b"x")) as served:
        assert await fetched(served.fetcher(Names({NAME: [["127.0.0.2", "127.0.0.1"]]})), served.url()) == b"x"
    assert served.dialler.dialled == ["127.0.0.2", "127.0.0.1"]


async def test_an_error_does_not_tell_what_is_inside(caplog: pytest.LogCaptureFixture) -> None:
    names = Names({"private.test": [["10.0.0.1"]], "closed.test": [["8.8.8.8"]]})
    fetch = UrlFetcher(FetchLimits(10), CheckedNetwork(names, dialler=Dialler()))
    with caplog.at_level(logging.INFO, "server.media.fetch"):
        errors = [await refusal(fetch, f"https://{name}.test/?key=1") for name in ("private", "closed", "unknown")]
    assert {error.message for error in errors} == {UNREACHED}
    assert all(detail in caplog.text for detail in ("10.0.0.1", "nobody there", "inner name server"))
    assert "key=1" not in caplog.text


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "http://files.test/",
        "httpsx://files.test/",
        "https:files.test",
        "https:///files.test",
        "https://user:word@files.test/",
        "https://user@files.test/",
        "https://@files.test/",
        "https://files.test\\@127.0.0.1/",
        "https://127.0.0.1\\.files.test/",
        "https:\\\\files.test\\",
        "https://files.test/\r\nHost: 127.0.0.1",
        "https://fi\tles.test/",
        "https://files.test\x00/",
        "https://files.test /",
        "https://files%2etest/",
        "https://files.test%00/",
        "https://files。test/",
        "https://.files.test/",
        "https://files..test/",
        f"https://{'x' * 64}.test/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://files.test:0/",
        "https://files.test:22/",
        "https://files.test:99999/",
        "https://files.test:https/",
        "https://files.test/\ud800",
        "https://files.test/" + "x" * 8192,
    ],
)
async def test_urls_that_are_refused_before_anything_is_looked_up(url: str) -> None:
    names = Names({})
    error = await refusal(UrlFetcher(FetchLimits(10), CheckedNetwork(names)), url)
    assert (error.status, error.why.startswith("only URLs of the form 'https://host/path'")) == (400, True)
    assert names.asked == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://files.test:443/", "files.test"),
        ("https://files.test:/", "files.test"),
        ("HTTPS://FILES.test", "files.test"),
        ("https://127.0.0.1#@files.test/", "127.0.0.1"),
        ("https://127.0.0.1?@files.test/", "127.0.0.1"),
        ("https://[2606:4700::1]/", "2606:4700::1"),
        ("https://a_b.files.test/", "a_b.files.test"),
    ],
)
async def test_the_host_that_a_url_means(url: str, host: str) -> None:
    names = Names({})
    await refusal(UrlFetcher(FetchLimits(10), CheckedNetwork(names)), url)
    assert names.asked == [host]


def test_the_default_port_is_the_only_one() -> None:
    assert FetchLimits(10).ports == {443}


# Hosts that the operator lists


@asynccontextmanager
async def plain_site(answer: bytes) -> AsyncGenerator[int, None]:
    """The port of a site without TLS."""

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(answer)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        group.cancel_scope.cancel()


async def test_a_listed_host_may_be_an_inner_one_and_without_tls() -> None:
    async with plain_site(reply(b"x")) as port:
        fetch = UrlFetcher(FetchLimits(10, hosts=frozenset({f"127.0.0.1:{port}"})))
        assert await fetched(fetch, f"http://127.0.0.1:{port}/file") == b"x"


async def test_a_listed_host_with_tls() -> None:
    async with site(reply(b"x")) as served:
        fetch = served.fetcher(hosts=frozenset({f"{NAME}:{served.port}"}))
        assert await fetched(fetch, served.url()) == b"x"


@pytest.mark.parametrize(
    "url",
    [
        "https://other.test/",
        "https://files.test:444/",
        "http://files.test:443/",
        "https://files.test.other.test/",
        "https://xfiles.test/",
        "https://8.8.8.8/",
        "http://10.0.0.5/",
        "http://10.0.0.5:9001/",
        "http://0xa.0.0.5:9000/",
        "http://[::ffff:10.0.0.5]:9000/",
    ],
)
async def test_with_a_list_nothing_else_is_fetched(url: str) -> None:
    names = Names({})
    fetch = UrlFetcher(FetchLimits(10, hosts=frozenset({"files.test", "10.0.0.5:9000"})), CheckedNetwork(names))
    assert (await refusal(fetch, url)).why == "this server does not fetch from that host."
    assert names.asked == []


@pytest.mark.parametrize(
    "url",
    ["https://FILES.test", "http://files.test", "http://files.test:80/", "http://10.0.0.5:9000/", "http://[::1]:8/"],
)
async def test_spellings_of_a_listed_host(url: str) -> None:
    names = Names({})
    hosts = frozenset({"files.test", "10.0.0.5:9000", "[::1]:8"})
    assert (await refusal(UrlFetcher(FetchLimits(10, hosts=hosts), CheckedNetwork(names)), url)).why == UNREACHED
    assert len(names.asked) == 1


async def test_time_grows_with_what_has_come() -> None:
    """A large file may take long, a slow one may not."""
    async with site(chunked(*[b"x" * 400] * 5)) as served:
        fetch = served.fetcher(max_bytes=10_000, seconds=0.2, bytes_per_second=1)
        gone = anyio.Event()

        async def slow(_: bytes) -> None:
            with anyio.move_on_after(0.1):
                await gone.wait()

        with anyio.fail_after(5):
            await fetch(served.url(), slow)
