"""`python -m loadtests.bench`: what our server costs and gains, from one run on one machine.

Speech with a scripted model and voice, against its targets, and over worker processes. Attachments, against plain
ffmpeg. Sessions in real time, with a scripted model and voice. Then rates and waits against vLLM's own server with the
same plugin, checkpoint and engine options, rates against the same modules in plain PyTorch, spoken answers of several
streams, texts spoken, recordings transcribed, and sessions again.
Whatever is compared takes turns, and an idle server costs nothing.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from typing import Any

import httpx

from loadtests.child import Child, child
from loadtests.figures import Comparison, Phase, Speedup
from loadtests.machine import facts
from loadtests.media import report as media_report
from loadtests.questions import chat
from loadtests.realtime import report as realtime_report
from loadtests.realtime import report_of_model
from loadtests.report import against_plain, against_stock
from loadtests.servers import Server, ours, stock
from loadtests.speech import report as speech_report
from loadtests.speech_route import report as speech_route_report
from loadtests.stories import STORY
from loadtests.stories import report as stories_report
from loadtests.transcription import report as transcription_report
from loadtests.workers import report as workers_report

DEMO = Path(__file__).parents[1] / "models" / "ola-demo"

ENGINE = ["--dtype", "float32", "--served-model-name", "ola"]

WAVES = 4
"""Questions that each stream asks at least, so that the first and the last of them do not rule the rate."""

LISTENERS = (1, 4, 8)
RECORDINGS = (1, 2)
"""At a time."""


TALKERS = (1, 2, 4)

PARTS = (
    *("text", "image", "plain", "speech", "workers", "media", "stories", "speech-route", "transcription", "realtime"),
)


class Bench:
    """Our server under load, beside whatever it is compared with."""

    def __init__(self, options: argparse.Namespace, load: Child, server: Server) -> None:
        self._options, self._load, self._ours = options, load, server
        self._fresh = count()

    def compare(self, kind: str, streams: int, other: Server) -> Comparison:
        """Both servers under one load. The first round is for warming up and does not count."""
        phases: dict[Server, list[Phase]] = {self._ours: [], other: []}
        for turn in range(self._options.rounds + 1):
            say(f"{kind}, {streams} streams, round {turn}")
            numbers = self._numbers(streams)
            # Who begins changes, so that a machine that slows down does so for both.
            for server in (self._ours, other) if turn % 2 else (other, self._ours):
                phases[server].append(self._phase(server, kind, numbers, streams))
        return Comparison(kind, streams, phases[self._ours][1:], phases[other][1:])

    def speed_up(self, kind: str, yardstick: Child) -> Iterator[Speedup]:
        """Our server with each number of users, and the yardstick, which never has more than one, in between."""
        users: list[int] = self._options.users
        rates: dict[int, list[float]] = {number: [] for number in users}
        plain: list[float] = []
        ids, same = self._ids(kind)
        for turn in range(self._options.rounds + 1):
            say(f"{kind}, plain PyTorch and {users} users, round {turn}")
            numbers = self._numbers(1)
            job = {"kind": kind, "numbers": [0, *numbers], "prompt": ids, "tokens": self._options.tokens}
            given = yardstick.ask(**job)
            plain.append(len(job["numbers"]) / given["seconds"])
            for number in users:
                phase = self._phase(self._ours, kind, self._numbers(number), number)
                rates[number].append(phase.requests_per_second())
        for number in users:
            yield Speedup(kind, number, rates[number][1:], plain[1:], given["ids"] == same)

    def _phase(self, server: Server, kind: str, numbers: list[int], streams: int) -> Phase:
        before, tokens = server.cpu(), self._options.tokens
        given = self._load.ask(url=server.chat, kind=kind, numbers=numbers, streams=streams, tokens=tokens)
        waits = [answer["first_words"] for answer in given["answers"]]
        return Phase(given["seconds"], waits, len(waits) * tokens, server.cpu() - before, given["load_cpu"])

    def _numbers(self, streams: int) -> list[int]:
        return list(islice(self._fresh, max(self._options.requests, WAVES * streams)))

    def _ids(self, kind: str) -> tuple[list[int], list[int]]:
        """Token ids of a prompt of this kind and of our server's answer to it."""
        body = chat(kind, 0, self._options.tokens) | {"return_token_ids": True}
        answer: dict[str, Any] = httpx.post(self._ours.chat, json=body, timeout=60).raise_for_status().json()
        return answer["prompt_token_ids"], answer["choices"][0]["token_ids"]


def main(arguments: Sequence[str] | None = None) -> None:
    # Ended from outside, it takes its servers along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options, engine = parse(arguments)
    print(facts(), flush=True)
    if options.only in (None, "speech"):
        say("speech, with a scripted model and voice")
        print(f"\nPlanning and dispatch of speech\n\n{speech_report(markdown=options.markdown)}", flush=True)
    if options.only in (None, "workers"):
        say("speech over worker processes and Redis")
        print(f"\nSpeech over worker processes\n\n{workers_report(markdown=options.markdown)}", flush=True)
    if options.only in (None, "media"):
        say("attachments")
        print(f"\nAttachments\n\n{media_report(markdown=options.markdown)}", flush=True)
    if options.only in (None, "realtime"):
        say("sessions in real time, with a scripted model and voice")
        talked = realtime_report(markdown=options.markdown)
        print(f"\nSessions of /v1/realtime over a scripted model and voice\n\n{talked}", flush=True)
    if options.only in ("speech", "workers", "media"):
        return
    with ExitStack() as stack:
        say("starting our server")
        server = stack.enter_context(ours(options.model, [*ENGINE, *engine]))
        bench = Bench(options, stack.enter_context(child("loadtests.load")), server)
        if kinds := [kind for kind in ("text", "image") if options.only in (None, kind)]:
            compare(bench, options, kinds, engine)
        if options.only in (None, "plain"):
            speed_up(bench, options)
        if options.only in (None, "stories"):
            say("spoken answers")
            heard = stories_report(server.chat, LISTENERS, markdown=options.markdown)
            print(f"\nSpoken answers to {STORY!r}\n\n{heard}", flush=True)
        if options.only in (None, "speech-route"):
            say("texts spoken")
            spoken = speech_route_report(server.speech, LISTENERS, markdown=options.markdown)
            print(f"\nTexts spoken by /v1/audio/speech\n\n{spoken}", flush=True)
        if options.only in (None, "realtime"):
            say("sessions in real time")
            talked = report_of_model(server, TALKERS, markdown=options.markdown)
            print(f"\nSessions of /v1/realtime\n\n{talked}", flush=True)
        if options.only in (None, "transcription"):
            say("recordings transcribed")
            heard = transcription_report(server.url, RECORDINGS, markdown=options.markdown)
            print(f"\nRecordings heard by /v1/audio/transcriptions\n\n{heard}", flush=True)


def compare(bench: Bench, options: argparse.Namespace, kinds: list[str], engine: list[str]) -> None:
    say("starting the stock server")
    with stock(options.model, [*ENGINE, *engine]) as other:
        compared = [bench.compare(kind, streams, other) for kind in kinds for streams in options.streams]
    print(f"\nOurs against stock vLLM, {options.tokens} tokens an answer, {options.rounds} rounds\n")
    print(against_stock(compared, markdown=options.markdown), flush=True)


def speed_up(bench: Bench, options: argparse.Namespace) -> None:
    say("loading the model in plain PyTorch")
    # As many as vLLM takes: it leaves one core to its server.
    threads = max(len(os.sched_getaffinity(0)) - 1, 1)
    with child("loadtests.plain", options.model, OMP_NUM_THREADS=str(threads)) as yardstick:
        speedups = [speedup for kind in ("image", "sound") for speedup in bench.speed_up(kind, yardstick)]
    print(f"\nOurs against plain PyTorch, {options.tokens} tokens an answer, {options.rounds} rounds\n")
    print(against_plain(speedups, markdown=options.markdown), flush=True)


def parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Our options, and the engine options for both servers."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench",
        description="Compare our server with stock vLLM and with plain PyTorch.",
        epilog="Every other option goes to the engines of both servers.",
    )
    parser.add_argument("--model", default=str(DEMO), help="checkpoint folder (default: the demo model)")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each side that count (default: 9)")
    parser.add_argument("--requests", type=int, default=24, help="least questions in a turn (default: 24)")
    parser.add_argument("--tokens", type=int, default=64, help="length of an answer (default: 64)")
    parser.add_argument("--streams", type=numbers, default=[1, 8, 32], help="loads for stock vLLM (default: 1,8,32)")
    parser.add_argument("--users", type=numbers, default=[1, 8, 16], help="loads for plain PyTorch (default: 1,8,16)")
    parser.add_argument(
        "--only",
        choices=PARTS,
        help="one part instead of all",
    )
    parser.add_argument("--markdown", action="store_true", help="tables for LOG.md")
    return parser.parse_known_args(arguments)


def numbers(text: str) -> list[int]:
    """`1,8,32`."""
    return [int(number) for number in text.split(",")]


def say(line: str) -> None:
    """Progress; standard output is for the results."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
