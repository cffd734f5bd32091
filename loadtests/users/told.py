"""What Locust is told of an answer, for its own tables and its web page: each stage is an entry."""

from __future__ import annotations

from locust.env import Environment

from loadtests.users.answers import Answer
from loadtests.users.watchwords import Verdict


class AnswerError(Exception):
    """Why an answer counts as a failure."""


def tell(environment: Environment, answer: Answer) -> None:
    name = f"{answer.kind}, spoken" if answer.spoken else answer.kind
    stages = {"first words": answer.first_words, "first sound": answer.first_sound, "hushed": answer.hushed}
    for stage, seconds in stages.items():
        if seconds is not None:
            _fire(environment, f"{name}: {stage}", seconds, None)
    _fire(environment, f"{name}: whole", answer.whole, failure(answer))


def failure(answer: Answer) -> AnswerError | None:
    if answer.verdict in (Verdict.RIGHT, Verdict.CUT):
        return None
    return AnswerError(answer.error or str(answer.verdict))


def _fire(environment: Environment, name: str, seconds: float, error: AnswerError | None) -> None:
    environment.events.request.fire(
        request_type="ASK", name=name, response_time=1000 * seconds, response_length=0, exception=error, context={}
    )


def count_of(environment: Environment) -> int:
    """Users that there are."""
    return environment.runner.user_count if environment.runner is not None else 0
