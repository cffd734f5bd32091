"""`make report`: asks a served model what its training never saw, and writes `training/report.md`."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import time
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np

from loadtests.machine import facts
from loadtests.stream import AnswerReader
from training.exam import Exam, Question, word_errors
from training.orders import MODALITIES
from training.spoken import held_out_bank
from training.tasks import World
from training.train import WORK

AT_ONCE, STREAMS = 8, 10
"""Questions asked at once, and answers timed one by one."""
SEED = 20_261_120
REPORT = Path("training/report.md")
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


async def speed(url: str, exam: Exam) -> list[str]:
    """One stream at a time: tokens a second of long answers, and seconds for a question about an image."""
    rates: list[float] = []
    async with httpx.AsyncClient(base_url=url, timeout=300) as client:
        for number in range(STREAMS):
            messages = [{"role": "user", "content": f"Count to {20 - number}."}]
            rates.append(await streamed(client, {"messages": messages, "temperature": 0, "max_tokens": 160}))
        asked = [await ask(client, exam.image(np.random.default_rng([SEED, 999, i]))) for i in range(2 * STREAMS)]
    seconds = median(a.seconds for a in asked[STREAMS:])  # the first ones warm up
    return [
        f"* One stream decodes {median(rates[2:]):.0f} tokens/s (median; the bar is 150).",
        f"* A question about an image is answered in {seconds:.2f} s (median, after warm-up; the bar is 1 s).",
        f"* Measured on: {facts()}.",
    ]


async def streamed(client: httpx.AsyncClient, body: dict[str, Any]) -> float:
    """Tokens a second after the first of one answer."""
    reader = AnswerReader()
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    async with client.stream("POST", "/v1/chat/completions", json=body) as reply:
        async for piece in reply.aiter_bytes():
            reader.feed(piece, time.perf_counter())
    assert reader.first_words is not None
    return (reader.tokens - 1) / (time.perf_counter() - reader.first_words)


def orders(path: Path) -> list[str]:
    """What `make orders` found, in a table and a sentence."""
    if not path.is_file():
        return ["Not run yet: `make orders`."]
    points = json.loads(path.read_text())
    last = {order: line[-1] for order, line in points.items()}
    modalities = list(MODALITIES)
    lines = [f"| order | {' | '.join(modalities)} | mean |", "|---|" + "---|" * (len(modalities) + 1)]
    means = {order: sum(point[m] for m in modalities) / len(modalities) for order, point in last.items()}
    for order, point in last.items():
        lines.append(f"| {order} | {' | '.join(f'{point[m]:.0%}' for m in modalities)} | {means[order]:.0%} |")
    return [*lines, "", verdict(means, next(iter(last.values())))]


def verdict(means: dict[str, float], last: dict[str, float]) -> str:
    """Whether progressive alignment ends first, if that is more than chance: two standard errors of a difference."""
    ours = next(order for order in means if order.startswith("progressive"))
    others = {order: mean for order, mean in means.items() if order != ours}
    best = max(others, key=lambda order: others[order])
    lead, answers = means[ours] - others[best], len(MODALITIES) * last["answers"]
    doubt = 2 * sqrt((means[ours] * (1 - means[ours]) + others[best] * (1 - others[best])) / answers)
    if abs(lead) <= doubt:
        found = f"cannot be told from {best}: {100 * abs(lead):.0f} points lie within chance ({100 * doubt:.0f})"
    else:
        found = "wins here, as in the paper" if lead > 0 else f"does not win here: {best} does"
    return f"After {last['step']:.0f} steps each, progressive alignment {found}. Each had {answers:.0f} questions."


def document(results: list[str], swift: list[str], order: list[str], count: int, pictures: list[str]) -> str:
    """`pictures`: which of the graphs there are, by name."""
    return "\n".join(
        [
            "# How well the demo model knows its world",
            "",
            "Written by `make report`; nothing here is typed by hand. The model was asked over HTTP, greedily, as",
            f"`ola serve` serves it: {count} questions of each task with voices, backgrounds, sizes of writing and",
            "kinds of sound that its training never drew. Right means the expected sentence, word for word.",
            "",
            *results,
            "",
            "## Speed",
            "",
            *swift,
            "",
            "## The order of the modalities",
            "",
            "The paper's Figure 3 in small (`make orders`): answers right on held-out examples, from the same start.",
            "",
            *order,
            "",
            *[f"![{name}]({name}.png)\n" for name in pictures],
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="a server with the model")
    parser.add_argument("--count", type=int, default=100, help="questions of each task")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of the training run, for its curves")
    parser.add_argument("--out", type=Path, default=REPORT)
    parser.add_argument("--wrong", type=Path, help="write the wrong answers there, for reading")
    options = parser.parse_args()
    bank = held_out_bank(options.work / "unheard", lambda done, total: None)
    exam = Exam(World(bank, held_out=True, whole=True))
    answers = asyncio.run(examined(options.url, exam, options.count, list(exam.tasks)))
    results, swift = table(answers), asyncio.run(speed(options.url, exam))
    if (options.work / "curves.png").exists():
        shutil.copy(options.work / "curves.png", options.out.with_name("curves.png"))
    order = orders(options.out.with_name("orders.json"))
    pictures = [name for name in ("orders", "curves") if options.out.with_name(f"{name}.png").exists()]
    options.out.write_text(document(results, swift, order, options.count, pictures))
    print("\n".join([*results, *swift]))
    if options.wrong:
        wrong = sorted((a for a in answers if not a.question.right(a.said)), key=lambda a: a.question.task)
        lines = [json.dumps([a.question.task, a.question.answer, a.said]) + "\n" for a in wrong]
        options.wrong.write_text("".join(lines))


if __name__ == "__main__":
    main()
