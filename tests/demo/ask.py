"""Ask a served model the exam's questions and print how it did:

python -m tests.demo.ask --url http://127.0.0.1:8000 --count 50 [--task images sounds] [--wrong wrong.md]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from anyio import CapacityLimiter, create_task_group, to_thread

from tests.demo.words import unquoted, word_errors
from tests.demo.world import TASKS, Question, Task, draw

AT_ONCE = 8
MAX_TOKENS = 160
SECONDS = 600.0  # a full queue before a slow processor


@dataclass(frozen=True, slots=True)
class Answer:
    name: str
    question: Question
    said: str

    @property
    def right(self) -> bool:
        return self.question.fact.holds(self.said)

    @property
    def errors(self) -> tuple[int, int]:
        """Wrong words and words, of a transcript."""
        return word_errors(self.question.fact.expected, unquoted(self.said))


class Client:
    """Asks one served model, at most AT_ONCE questions at a time."""

    def __init__(self, http: httpx.AsyncClient, model: str) -> None:
        self._http = http
        self._model = model
        self._limit = CapacityLimiter(AT_ONCE)

    async def answers(self, task: str, seed: int, count: int) -> list[Answer]:
        """In the order of their questions. Cancelling it closes the requests under way."""
        given: dict[int, Answer] = {}

        async def one(index: int) -> None:
            async with self._limit:
                question = await to_thread.run_sync(draw, task, seed, index)
                given[index] = Answer(f"{seed}/{task}/{index}", question, await self._said(question))

        async with create_task_group() as group:
            for index in range(count):
                group.start_soon(one, index, name=f"{task} {index}")
        return [given[index] for index in range(count)]

    async def _said(self, question: Question) -> str:
        """What was answered; a refusal is an answer too, and wrong. Cancelling it closes the request."""
        body = {"model": self._model, "messages": question.messages, "temperature": 0, "max_tokens": MAX_TOKENS}
        response = await self._http.post("/v1/chat/completions", json=body)
        if response.is_error:
            return f"[HTTP {response.status_code}] {response.text}"
        return response.json()["choices"][0]["message"]["content"] or ""


def row(name: str, task: Task, answers: Sequence[Answer]) -> tuple[str, bool]:
    """A line of the table, and whether the bar was reached."""
    if task.transcribes:
        wrong, words = (sum(column) for column in zip(*(answer.errors for answer in answers), strict=True))
        share = wrong / words
        return f"| {name} | WER {share:.1%} | <= {task.bar:.0%} | {len(answers)} |", share <= task.bar
    share = sum(answer.right for answer in answers) / len(answers)
    return f"| {name} | {share:.1%} | {task.bar:.0%} | {len(answers)} |", share >= task.bar


def entry(answer: Answer) -> str:
    said = answer.said.replace("\n", " ")
    return (
        f"* `{answer.name}` {answer.question.asked}\n  * expected: {answer.question.fact.expected}\n  * said: {said}\n"
    )


async def ask(url: str, names: Sequence[str], seed: int, count: int, wrong: Path | None) -> bool:
    """`exam` over a new connection. Cancelling it closes that."""
    async with httpx.AsyncClient(base_url=url, timeout=SECONDS) as http:
        return await exam(http, names, seed, count, wrong)


async def exam(http: httpx.AsyncClient, names: Sequence[str], seed: int, count: int, wrong: Path | None) -> bool:
    """Whether every bar was reached. Cancelling it keeps the rows printed so far."""
    reached, mistakes = True, []
    models = (await http.get("/v1/models")).raise_for_status().json()
    client = Client(http, models["data"][0]["id"])
    print("| task | right | bar | n |\n|---|---:|---:|---:|", flush=True)
    for name in names:
        if missing := TASKS[name].missing():
            print(f"| {name} | skipped: {missing} | | 0 |", flush=True)
            reached = False
            continue
        answers = await client.answers(name, seed, count)
        line, enough = row(name, TASKS[name], answers)
        print(line, flush=True)
        reached = reached and enough
        mistakes += [answer for answer in answers if not answer.right]
        if wrong:
            await anyio.Path(wrong).write_text("".join(map(entry, mistakes)), encoding="utf-8")
    return reached


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask a served model the demo's exam.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--count", type=int, default=50, help="questions a task")
    parser.add_argument("--task", nargs="+", choices=list(TASKS), default=list(TASKS), help="instead of all of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wrong", type=Path, help="list the wrong answers in this file")
    options = parser.parse_args()
    if options.count < 1:
        parser.error("--count must be 1 or more")
    reached = anyio.run(ask, options.url, options.task, options.seed, options.count, options.wrong)
    sys.exit(0 if reached else 1)


if __name__ == "__main__":
    main()
