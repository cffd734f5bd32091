"""Users who talk over /v1/realtime in real time: some let answers end, some interrupt them, some make a pause in which
the server cuts in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle
from time import time
from typing import ClassVar

from locust import User, between, task

from loadtests.talker import recording
from loadtests.talking import Sent
from loadtests.users.answers import Answer
from loadtests.users.conversation import Conversation
from loadtests.users.holding import hold
from loadtests.users.run import Run
from loadtests.users.told import count_of, tell
from loadtests.users.watchwords import Lent, Verdict
from loadtests.wire import WireError

TURNS = 2
"""Of one conversation; the second one is spoken into the answer to the first, by those who interrupt."""


class RealtimeUser(User):
    """`run_of_all` and `sent` are given to the class before the first of them begins."""

    weight = 1
    wait_time = between(0.1, 0.5)
    run_of_all: ClassVar[Run]
    sent: ClassVar[Sent]
    """How well all of them keep their time."""

    def on_start(self) -> None:
        manners = ("waits", "interrupts", "hesitates")
        first = self.run_of_all.seed() % len(manners)
        self._manners = cycle(manners[first:] + manners[:first])

    @task
    def talk(self) -> None:
        run, manner = self.run_of_all, next(self._manners)
        with ExitStack() as stack:
            lent = [stack.enter_context(run.words("realtime").lent(self)) for _ in range(TURNS)]
            said = [run.studio.turn(one.word.said, run.seed(), hesitates=manner == "hesitates") for one in lent]
            conversation = Conversation([recording(pcm) for pcm in said], lent, interrupts=manner == "interrupts")
            for answer in self._answers(conversation, lent):
                run.add(answer)
                tell(self.environment, answer)

    def _answers(self, conversation: Conversation, lent: Sequence[Lent]) -> Iterator[Answer]:
        at, users = time(), count_of(self.environment)
        try:
            began = hold(f"{self.run_of_all.host.replace('http', 'ws', 1)}/v1/realtime", conversation, self.sent)
            yield from conversation.answers(began, users)
        except (OSError, WireError) as error:
            said = f"{type(error).__name__}: {error}"
            yield Answer("realtime", True, at, users, Verdict.FAILED, 0.0, asked=lent[0].word.said, error=said)
