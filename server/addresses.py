"""Which network addresses a server may dial for a stranger. Pure rules, no I/O."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST = IPv6Network("2000::/3")
"""All that is assigned for global use (RFC 4291); `is_global` also holds for what is merely not assigned otherwise."""


def is_public(address: Address) -> bool:
    """Whether `address` is a global unicast one (RFC 6890), and so is the IPv4 address that it may wrap."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if (inner := _wrapped(address)) is not None:
        return is_public(inner)
    return address.is_global and address in _UNICAST


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a gateway would go on to: mapped, 6to4, Teredo or NAT64 (RFC 4291, 3056, 4380, 6052)."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
