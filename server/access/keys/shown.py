"""Where a request shows its key: in a header, or as a WebSocket's subprotocol, where browsers can set no header.

Browsers fail a handshake in which they offered subprotocols and none was chosen, so pages offer `realtime` beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from starlette.types import Scope

from server.errors import RequestError

_PROTOCOL, _CHOSEN = b"openai-insecure-api-key.", b"realtime"


def shown_key(scope: Scope) -> bytes:
    """The secret that the request shows.

    Raises:
        RequestError: none (401), more than one, or a header that is no bearer token (RFC 6750).
    """
    headers: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if headers:
        scheme, _, secret = headers[0].partition(b" ")
        if len(headers) == 1 and scheme.lower() == b"bearer" and (secret := secret.strip()):
            return secret
        raise no_key("The Authorization header must be: Bearer, a space and the key.")
    if scope["type"] == "websocket":
        for protocol in _protocols(scope):
            if secret := protocol.removeprefix(_PROTOCOL) if protocol.startswith(_PROTOCOL) else b"":
                return secret
    raise no_key("A key is needed, in the header Authorization: Bearer KEY.")


def chosen_protocol(scope: Scope) -> str | None:
    """With which a WebSocket is accepted: the offered one that holds neither a key nor a beta's name."""
    return _CHOSEN.decode() if _CHOSEN in _protocols(scope) else None


def no_key(message: str, code: str = "invalid_api_key", *, shown: bool = False) -> RequestError:
    """401 with the challenge of RFC 6750. `shown`: there was a token, which is not valid."""
    challenge = 'Bearer realm="ola-serve"' + (', error="invalid_token"' if shown else "")
    return RequestError(message, status=401, code=code, headers={"WWW-Authenticate": challenge})


def _protocols(scope: Scope) -> Iterator[bytes]:
    for name, value in scope["headers"]:
        if name == b"sec-websocket-protocol":
            yield from (protocol.strip() for protocol in value.split(b","))
