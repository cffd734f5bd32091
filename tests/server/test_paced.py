"""Text is handed to a voice in order, whole, and only as far ahead as the voice needs."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from server.audio import paced
from server.audio.paced import PacedText
from server.closing import closing
from tts.plan import Planner

pytestmark = pytest.mark.anyio

SENTENCE = "This is a sentence of some words. "


async def _read(pieces: AsyncGenerator[str, None], given: list[str]) -> None:
    async for piece in pieces:  # one at a time, as it comes
        given.append(piece)  # noqa: PERF401


async def test_a_long_text_waits_for_its_voice() -> None:
    text = PacedText(SENTENCE * 200)
    text.end()
    given = list[str]()
    async with closing(text.pieces()) as pieces, anyio.create_task_group() as group:
        group.start_soon(_read, pieces, given)
        await anyio.wait_all_tasks_blocked()
        before = len(given)
        assert 1000 < sum(map(len, given)) < 4000
        assert (SENTENCE * 200).startswith("".join(given))
        for piece in given:
            assert piece.endswith(" "), "cut between words"
            assert not piece.endswith(". "), "cut where a sentence may have ended"
        text.begun("".join(given[:2]))
        await anyio.wait_all_tasks_blocked()
        assert len(given) == before + 2
        group.cancel_scope.cancel()


async def test_a_block_that_is_one_unit_comes_in_ever_larger_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it begins before its end is there: so what follows 10,000 characters waits three seconds, not ten."""
    monkeypatch.setattr(paced, "_STILL", 0.001)
    text, sizes = PacedText("x" * 10_000), list[int]()
    text.end()
    async with closing(text.pieces()) as pieces:
        async for piece in pieces:
            sizes.append(len(piece))
            if len(sizes) == 7:  # once something is said, the steps are small again
                text.begun("x" * 100)
    assert sizes == [400] * 5 + [800, 1600, 800, 1600, 1600, 1600]


async def test_text_that_comes_later_is_handed_over_at_once() -> None:
    text, given = PacedText(), list[str]()

    async with closing(text.pieces()) as pieces, anyio.create_task_group() as group:
        group.start_soon(_read, pieces, given)
        for piece in ("One ", "two", "."):
            await anyio.wait_all_tasks_blocked()
            text.append(piece)
        await anyio.wait_all_tasks_blocked()
        assert given == ["One ", "two", "."]
        assert text.waiting == len("Onetwo.")
        text.begun("One two.")
        assert text.waiting == 0
        text.end()


PARTS = (
    "Hello there. ",
    "3.14 ",
    "Dr. Who? ",
    "**bold** ",
    "```\ncode()\n```\n",
    "- item\n",
    "| a | b |\n",
    "\n\n",
    "😀",
    "你好。",
    "(a ",
    "x" * 300,
)


@settings(deadline=None, max_examples=100)
@drawn(st.lists(st.sampled_from(PARTS) | st.text(max_size=20), max_size=20).map("".join))
def test_units_show_all_that_was_handed_over(text: str) -> None:
    """Otherwise a text could wait for ever for a voice that has said all of it."""
    planner, shown = Planner(), ""
    planner.feed(text, 0.0)
    planner.end(0.0)
    while (unit := planner.take(0.0, 5.0)) is not None:
        shown += unit.text
    assert "".join(shown.split()) == "".join(text.split())
