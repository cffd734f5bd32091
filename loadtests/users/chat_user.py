"""Users who ask for chat completions, each kind in its turn, with and without speech, and check what they are told."""

from __future__ import annotations

from itertools import cycle, product
from time import time
from typing import ClassVar

from locust import User, between, task

from loadtests.users import chat_answer
from loadtests.users.answers import Answer, stops_of
from loadtests.users.chat_answer import Received
from loadtests.users.run import Run
from loadtests.users.told import count_of, tell
from loadtests.users.watchwords import Lent, Verdict


class ChatUser(User):
    """`run_of_all` is given to the class before the first of them begins."""

    weight = 2
    wait_time = between(0.1, 0.5)
    run_of_all: ClassVar[Run]

    def on_start(self) -> None:
        asked = list(product(self.run_of_all.chat_kinds, (False, True)))
        first = self.run_of_all.seed() % len(asked)
        self._asked = cycle(asked[first:] + asked[:first])

    @task
    def ask(self) -> None:
        kind, spoken = next(self._asked)
        run = self.run_of_all
        with run.words(kind).lent() as lent:
            content = run.studio.content(kind, lent.word.said, run.seed())
            at, users = time(), count_of(self.environment)
            received = chat_answer.ask(run.host, chat_answer.body(content, spoken=spoken))
            answer = judged(received, lent, kind, spoken=spoken, at=at, users=users)
        run.add(answer)
        tell(self.environment, answer)


def judged(received: Received, lent: Lent, kind: str, *, spoken: bool, at: float, users: int) -> Answer:
    listener = received.listener
    return Answer(
        kind=kind,
        spoken=spoken,
        at=at,
        users=users,
        verdict=Verdict.FAILED if received.error else lent.verdict(received.words),
        whole=received.whole,
        first_words=received.first_words,
        first_sound=listener.first_sound,
        sound=listener.sound,
        stops=stops_of(listener),
        asked=lent.word.said,
        said=received.words,
        error=received.error,
    )
