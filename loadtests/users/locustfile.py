"""`locust -f loadtests/users/locustfile.py --host http://127.0.0.1:8000`: users who chat and talk, and know which
answers are theirs.

With `--headless` it runs by itself; without, its page is on port 8089. Missed targets are its exit status.
"""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from contextlib import ExitStack
from pathlib import Path
from time import time
from typing import Any

from locust import LoadTestShape, User, events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtests.talking import Sent
from loadtests.users import answers, phases, targets
from loadtests.users.chat_user import ChatUser
from loadtests.users.realtime_user import RealtimeUser
from loadtests.users.record import Record
from loadtests.users.run import running
from tests.demo.sounds import can_speak

STOP_SECONDS = 60

__all__ = ["ChatUser", "Phases", "RealtimeUser"]


class Phases(LoadTestShape):
    """As many users as `--phases` says, until all phases are over or `--answers` have come."""

    def tick(self) -> tuple[int, float, list[type[User]] | None] | None:
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        assert options is not None
        phase = phases.at(options.phases, self.get_run_time())
        if phase is None or (options.answers and ChatUser.run_of_all.answered >= options.answers):
            return None
        chatting, talking = bool(ChatUser.run_of_all.chat_kinds), "realtime" in options.kinds
        return phase.users, phase.users, [*[ChatUser] * chatting, *[RealtimeUser] * talking]


@events.init_command_line_parser.add_listener
def options(parser: LocustArgumentParser) -> None:
    own = parser.add_argument_group("what the users do, and how it has to go")
    own.add_argument("--kinds", type=_kinds, default=list(answers.KINDS), help="of questions (text,image,...)")
    own.add_argument("--phases", type=_planned, default="30x2,30x4,30x6,30x8", help="seconds x users, in turn")
    own.add_argument("--answers", type=int, default=0, help="stop after so many (default: when the phases are over)")
    own.add_argument("--into", type=Path, default=Path("build/loadtest"), help="folder of the answers")
    own.add_argument("--target", action="append", default=[], help="NAME=VALUE in place of a target's own")
    # Who has asked is answered before he goes: what is cut off at the end would tell of nothing.
    parser.set_defaults(stop_timeout=float(STOP_SECONDS))
    own.add_argument("--untimed", action="store_true", help="only targets that hold on any machine")


def _kinds(text: str) -> list[str]:
    kinds = text.split(",")
    if unknown := set(kinds) - set(answers.KINDS):
        raise ArgumentTypeError(f"no kinds: {', '.join(sorted(unknown))}; there are {', '.join(answers.KINDS)}")
    return kinds


def _planned(text: str) -> list[phases.Phase]:
    try:
        return phases.phases(text)
    except phases.PhasesError as error:
        raise ArgumentTypeError(str(error)) from None


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Everything that the users share, until Locust ends."""
    options = environment.parsed_options
    assert options is not None
    if not options.host:
        raise SystemExit("--host is missing: the server's address, http://name:port")
    if set(options.kinds) & {"sound", "video", "realtime"} and not can_speak():
        raise SystemExit("espeak-ng is not on the path (Debian: apt-get install espeak-ng): it speaks for the users")
    try:
        chosen = targets.limits(options.target, timed=not options.untimed)
    except targets.TargetError as error:
        raise SystemExit(f"--target: {error}") from None
    stack = ExitStack()
    run = stack.enter_context(running(options.host, options.kinds, options.into))
    sent, began = Sent(), [time()]
    ChatUser.run_of_all = RealtimeUser.run_of_all = run
    RealtimeUser.sent = sent

    def start(**_: Any) -> None:
        began[0] = time()

    def finish(**_: Any) -> None:
        stack.close()
        assert environment.runner is not None
        record = Record(began[0], options.phases, sent, chosen)
        record.write(options.into)
        results = targets.checked(answers.read(options.into), chosen)
        print("\n".join(map(str, results)), file=sys.stderr, flush=True)
        # Exceptions are those of the users themselves: faults of this program.
        broken = bool(environment.runner.exceptions)
        environment.process_exit_code = int(broken or not all(result.met for result in results))

    environment.events.test_start.add_listener(start)
    environment.events.quitting.add_listener(finish)
