"""What a key is, and what is written down of it: never the secret itself.

A secret is 256 random bits, so its plain SHA-256 is as safe to keep as a slow hash: nobody can try them all, and a
fast one costs nothing on every request. Slow hashes are for passwords, which people choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Annotated, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from server.access.limits.quota import Quota

Scope = Literal["all", "metrics"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]

_BYTES = 32
_ACCOUNT = 16


class KeysError(Exception):
    """The keys cannot be read or changed now."""


class TakenKeyNameError(Exception):
    """Another key has this name."""


class KeyRecord(BaseModel):
    """One key as it is written down."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    created: AwareDatetime | None = None
    scope: Scope = "all"
    limits: Quota = Quota()


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is valid now."""

    name: str
    digest: str
    scope: Scope
    quota: Quota

    @property
    def account(self) -> str:
        """What its use is counted under."""
        return account_of(self.digest)


class Keys(Protocol):
    """Where keys are looked up."""

    async def find(self, digest: str) -> Key | None:
        """The valid key whose secret has this SHA-256 (hexadecimal). Raises KeysError if nobody can tell."""
        ...


class KeyStore(Keys, Protocol):
    """Where keys are kept. All methods raise KeysError; a cancelled change is done or not."""

    async def records(self) -> Mapping[str, KeyRecord]:
        """All by name."""
        ...

    async def default_limits(self) -> Quota:
        """For whatever a key's own limits do not say."""
        ...

    async def add(self, name: str, record: KeyRecord) -> None:
        """Raises TakenKeyNameError."""
        ...

    async def remove(self, name: str) -> bool:
        """Whether there was one."""
        ...

    async def set_default_limits(self, limits: Quota) -> None: ...


def new_secret() -> str:
    return f"sk-ola-{token_urlsafe(_BYTES)}"


def digest_of(secret: bytes) -> str:
    return sha256(secret).hexdigest()


def account_of(digest: str) -> str:
    """A short name for a digest, to look it up by and to show."""
    return digest[:_ACCOUNT]


def is_same(digest: str, other: str) -> bool:
    """In a time that does not tell how much of them is equal."""
    return compare_digest(digest.encode(), other.encode())
