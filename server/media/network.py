"""Dials only addresses that were checked. Sits below HTTP and TLS, which go on with the name; knows no URLs."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address

import anyio
import httpcore

from server.addresses import Address, is_public

Resolve = Callable[[str], Awaitable[list[Address]]]
"""All addresses of a name, the one to try first at the front. Raises OSError if there are none."""


async def resolve(host: str) -> list[Address]:
    """Ask the system's resolver, which also understands the old spellings of IPv4 (`127.1`, `0x7f.1`, `2130706433`).

    Cancelling it returns at once; the look-up itself ends in its thread.
    """
    found = await anyio.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(sockaddr[0]) for *_, sockaddr in found]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves a name once and dials what came of it, if `allowed` holds for every one of its addresses."""

    def __init__(
        self,
        resolve: Resolve = resolve,
        allowed: Callable[[Address], bool] = is_public,
        dialler: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolve, self._allowed = resolve, allowed
        self._dialler = dialler or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address of `host` that takes one. Cancelling it closes what it opened.

        Raises:
            httpcore.ConnectError: no such name, a forbidden address, or none that answers; one type for all, because
                the difference would tell a stranger which names and addresses exist inside.
            httpcore.ConnectTimeout: the last address did not answer for `timeout` seconds.
        """

        async def dial(address: Address) -> httpcore.AsyncNetworkStream:
            return await self._dialler.connect_tcp(str(address), port, timeout, local_address, socket_options)

        *others, last = await self._checked(host)
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await dial(address)
        return await dial(last)

    async def _checked(self, host: str) -> list[Address]:
        try:
            addresses = await self._resolve(host)
        except OSError as error:
            raise httpcore.ConnectError(f"no address: {error}") from error
        # One bad address spoils the name: a public name that also points inside is an attack, not a mistake.
        forbidden = [str(address) for address in addresses if not self._allowed(address)]
        if forbidden or not addresses:
            raise httpcore.ConnectError(f"forbidden addresses: {forbidden}")
        return addresses
