"""Users who ask for chat completions, each kind in its turn, with and without speech, and check what they are told."""

from __future__ import annotations

from itertools import cycle, product
from time import time
from typing import ClassVar

from locust import User, between, task

from loadtests.users import chat_answer
from loadtests.users.run import Run
from loadtests.users.told import count_of, tell


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
            answer = chat_answer.judged(received, lent, kind, spoken=spoken, at=at, users=users)
        run.add(answer)
        tell(self.environment, answer)
