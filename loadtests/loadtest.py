"""`make loadtest` and `make soak`: a server under Locust's users, watched, and the report of what came of it."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path

from loadtests.bench import DEMO, say
from loadtests.machine import facts
from loadtests.servers import ours
from loadtests.users import record, watching
from loadtests.users.growth import grown
from loadtests.users.report import write

LOCUSTFILE = Path(__file__).parent / "users" / "locustfile.py"
PHASES = "30x2,30x4,30x6,30x8"
SOAK = "3600x6"
SMALL = ["--mm-processor-cache-gb", "0.125"]
"""An engine whose cache of attachments is full soon: 4 GiB of it would fill for half an hour and look like a leak."""


def main(arguments: Sequence[str] | None = None) -> None:
    # Ended from outside, it takes its server along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options, others = parse(arguments)
    folder = Path(options.into)
    with ExitStack() as stack:
        host, process = options.host, options.process
        if not host:
            say("starting our server")
            server = stack.enter_context(ours(options.model, SMALL if options.soak else []))
            host, process = server.url, server.process
        machine = facts()
        for file in (record.FILE, watching.FILE):
            (folder / file).unlink(missing_ok=True)  # another run's
        with watching.watching(process, host, folder) if process else nullcontext():
            missed = asked(host, options, others)
    if not (folder / record.FILE).exists():
        sys.exit(missed or 1)  # it has said why
    print(write(folder, machine), flush=True)
    leaks = [str(growth) for growth in grown(folder) if not growth.flat] if options.soak else []
    if leaks:
        say("grows: " + "; ".join(leaks))
    sys.exit(int(bool(missed or leaks)))


def asked(host: str, options: argparse.Namespace, others: Sequence[str]) -> int:
    """Locust's exit status."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", host, "--into", options.into]
    alone = ["--web-host", "127.0.0.1"] if options.web else ["--headless", "--only-summary"]
    # Ours last: an option given twice is the last one.
    planned = ["--phases", SOAK if options.soak else PHASES]
    # Ended from outside, it ends by itself: it has its own handler of SIGINT, to which a terminal sends it too.
    with subprocess.Popen([*command, *alone, *planned, *others], env=os.environ) as locust:
        try:
            return locust.wait()
        except KeyboardInterrupt:
            return locust.wait()
        finally:
            locust.terminate()


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Our options, and Locust's."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.loadtest",
        description="Users who chat and talk with a server, and check what they are told.",
        epilog="Every other option goes to Locust: --phases 60x4,60x16, --kinds text,realtime, --target right=0.9, ...",
    )
    parser.add_argument("--model", default=str(DEMO), help="checkpoint folder (default: the demo model)")
    parser.add_argument("--host", help="a server that runs already, http://name:port")
    parser.add_argument("--process", type=int, default=0, help="its process, to be watched, if it is on this machine")
    parser.add_argument("--into", default="build/loadtest", help="folder of the report (default: build/loadtest)")
    parser.add_argument("--soak", action="store_true", help="an hour of six users; what grows fails the run")
    parser.add_argument("--web", action="store_true", help="wait for a start on Locust's page, http://127.0.0.1:8089")
    return parser.parse_known_args(arguments)


if __name__ == "__main__":
    main()
