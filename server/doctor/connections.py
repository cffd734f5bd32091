"""What a server meets outside itself: its port, Redis, the file of keys."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import anyio
from redis.exceptions import RedisError

from server.access.access import open_keys
from server.access.keys.key import KeysError
from server.doctor.finding import Finding, broken, ok, warning
from server.redis_client import redis_client
from server.settings import Settings

_OLDEST_REDIS = (6, 2)
_PATIENCE_SECONDS = 5.0


class _RedisUrlError(Exception):
    """The URL is none."""


def port(settings: Settings) -> Finding:
    """Whether it can be listened on."""
    shown = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            return broken("port", f"{shown}: {error.strerror}", "Stop what listens there, or choose another: --port N")
    return ok("port", f"{shown} is free")


async def redis(settings: Settings) -> list[Finding]:
    """Whether it answers, and keeps what it is given. Cancelling it closes the connection."""
    if settings.redis_url is None:
        return [ok("Redis", "not used; several servers, or workers elsewhere, need OLA_REDIS_URL")]
    async with AsyncExitStack() as closing:
        try:
            client = redis_client(settings, closing, _RedisUrlError)
            with anyio.fail_after(_PATIENCE_SECONDS):
                said = await client.info()
        except _RedisUrlError as error:
            return [broken("Redis", str(error), "Write it as redis://HOST:6379/0")]
        except (RedisError, OSError) as error:
            shown = str(error) or f"no answer in {_PATIENCE_SECONDS:g} s"
            return [broken("Redis", shown, "Start it, or set OLA_REDIS_URL to where it is")]
    return [*_looked_at(said)]


def _looked_at(said: dict[str, object]) -> list[Finding]:
    version = str(said.get("redis_version", "0"))
    findings = [ok("Redis", f"{version} answers")]
    if tuple(int(number) for number in version.split(".")[:2]) < _OLDEST_REDIS:
        findings[0] = broken("Redis", f"{version} is too old", "Install Redis 6.2 or newer")
    if said.get("maxmemory_policy", "noeviction") != "noeviction":
        says = f"maxmemory-policy is {said['maxmemory_policy']}: sentences and sessions may be thrown out"
        findings.append(warning("Redis", says, "redis-cli config set maxmemory-policy noeviction"))
    if not said.get("aof_enabled"):
        says = "appendonly is off: a restart loses keys, recorded voices and sessions"
        findings.append(warning("Redis", says, "redis-cli config set appendonly yes"))
    return findings


async def keys(settings: Settings) -> Finding:
    """Who may come in. Cancelling it changes nothing."""
    match settings.keys:
        case None:
            return ok("keys", "none needed: only this machine reaches the server")
        case "none":
            return warning("keys", "everybody who reaches the server may use it", "Set OLA_KEYS unless that is meant")
    try:
        async with AsyncExitStack() as closing:
            store = open_keys(settings, closing)
            assert store is not None
            with anyio.fail_after(_PATIENCE_SECONDS):
                number = len(await store.records())
    except (KeysError, TimeoutError) as error:
        return broken("keys", str(error) or "no answer", "Make the first one: ola keys create NAME")
    if not number:
        return warning("keys", f"{settings.keys} holds none: nobody gets in", "ola keys create NAME")
    return ok("keys", f"{number} in {settings.keys}")
