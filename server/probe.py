"""`python -m server.probe URL`: exit status 0 if the address answers 200, for health checks in images without curl.

Imports nothing of the server, because it is started every few seconds.
"""

from __future__ import annotations

import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

PATIENCE_SECONDS = 8


def main(url: str) -> None:
    """Ends the process with the reason if there is one."""
    direct = build_opener(ProxyHandler({}))  # a machine's proxy is for other machines
    try:
        with direct.open(url, timeout=PATIENCE_SECONDS):
            return
    except HTTPError as error:
        sys.exit(f"{url}: {error.code} {error.read(500).decode(errors='replace')}")
    except (OSError, ValueError) as error:
        sys.exit(f"{url}: {error}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m server.probe URL")
    main(sys.argv[1])
