"""`make report`: asks a served model what its training never saw, and writes training/report.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import numpy as np

from training.exam import Exam, Question, word_errors
from training.spoken import held_out_bank
from training.tasks import World
from training.train import WORK

AT_ONCE = 8
SEED = 20_261_120
BAR = {
    "images": 0.92,
    "written numbers": 0.90,
    "sounds": 0.92,
    "spoken questions": 0.88,
    "image and spoken question": 0.88,
    "video": 0.88,
    "video: voice and picture": 0.85,
    "text": 0.95,
}
"""Least part of right answers that the demo model is meant to give."""
WORST_ERRORS = 0.08
"""Most wrong words of a transcript."""


@dataclass(frozen=True, slots=True)
class Answered:
    question: Question
    said: str
    seconds: float


async def ask(client: httpx.AsyncClient, question: Question) -> Answered:
    """One question, greedily."""
    started = time.perf_counter()
    body = {"messages": question.messages, "temperature": 0, "max_tokens": 160}
    reply = await client.post("/v1/chat/completions", json=body)
    reply.raise_for_status()
    said = reply.json()["choices"][0]["message"]["content"]
    return Answered(question, said, time.perf_counter() - started)


async def examined(url: str, exam: Exam, count: int, tasks: list[str]) -> list[Answered]:
    """`count` questions of each task, a few at once."""
    answers: list[Answered] = []
    waiting = iter([(task, number) for task in tasks for number in range(count)])

    async def worker(client: httpx.AsyncClient) -> None:
        for task, number in waiting:
            dice = np.random.default_rng([SEED, list(exam.tasks).index(task), number])
            answers.append(await ask(client, exam.tasks[task](dice)))

    async with httpx.AsyncClient(base_url=url, timeout=300) as client, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker(client))
    return answers


def table(answers: list[Answered]) -> list[str]:
    lines = ["| task | right | bar | of |", "|---|---|---|---|"]
    for task in dict.fromkeys(a.question.task.split(": a story")[0] for a in answers):
        given = [
            a for a in answers if a.question.task.startswith(task) and (task != "video" or a.question.task == task)
        ]
        right = sum(a.question.right(a.said) for a in given) / len(given)
        bar = f"{BAR[task]:.0%}" if task in BAR else ""
        lines.append(f"| {task} | {right:.1%} | {bar} | {len(given)} |")
        if task in ("transcripts", "video: the voice"):
            wrong, spoken = map(sum, zip(*(word_errors(a.said, a.question.answer) for a in given), strict=True))
            lines.append(
                f"| {task}: wrong words | {wrong / spoken:.1%} | at most {WORST_ERRORS:.0%} | {spoken} words |"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="a server with the model")
    parser.add_argument("--count", type=int, default=100, help="questions of each task")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--task", action="append", help="only this; may be given often")
    parser.add_argument("--wrong", type=Path, help="write the wrong answers there, for reading")
    options = parser.parse_args()
    bank = held_out_bank(options.work / "unheard", lambda done, total: None)
    exam = Exam(World(bank, held_out=True, whole=True))
    answers = asyncio.run(examined(options.url, exam, options.count, options.task or list(exam.tasks)))
    print("\n".join(table(answers)))
    print(f"\nmedian {median(a.seconds for a in answers):.2f} s with {AT_ONCE} at once, {platform.processor()}")
    if options.wrong:
        wrong = [a for a in answers if not a.question.right(a.said)]
        lines = [
            json.dumps([a.question.task, a.question.answer, a.said])
            for a in sorted(wrong, key=lambda a: a.question.task)
        ]
        options.wrong.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
