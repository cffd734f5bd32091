"""Items in order, whatever is inserted, deleted, cut and forgotten; and never a word that nobody heard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from engine.api import Image
from server.errors import RequestError
from server.realtime import conversation as limits
from server.realtime.config import Retention
from server.realtime.conversation import Conversation, Cut
from server.realtime.items import FunctionCall, FunctionCallOutput, Heard, Item, Message, Part, Seen, Spoken, Words
from tests.server.realtime.speaking import WORD_MS, answer, spoken


def said(item_id: str, text: str = "Hi.") -> Message:
    return Message(item_id, "user", (Words(text),))


def talk(*items: Item) -> Conversation:
    conversation = Conversation()
    for item in items:
        conversation.insert(item)
    return conversation


def ids(conversation: Conversation) -> list[str]:
    return [item.id for item in conversation.items]


def transcripts(conversation: Conversation, item_id: str) -> list[str]:
    item = conversation.get(item_id)
    assert isinstance(item, Message)
    return [part.transcript for part in item.content if isinstance(part, Spoken)]


def refusal(call: Any, *given: Any) -> tuple[str | None, str | None]:
    with pytest.raises(RequestError) as refused:
        call(*given)
    return refused.value.param, refused.value.code


def test_items_go_where_they_are_sent() -> None:
    conversation = Conversation()
    assert conversation.last is None
    assert conversation.insert(said("b")) is None
    assert conversation.insert(said("d")) == "b"
    assert conversation.insert(said("a"), "root") is None
    assert conversation.insert(said("c"), "b") == "b"
    assert conversation.insert(said("e"), "d") == "d"
    assert ids(conversation) == ["a", "b", "c", "d", "e"]
    assert conversation.last == "e"
    assert [conversation.before(item_id) for item_id in "abez"] == [None, "a", "d", None]


def test_items_that_cannot_be_added_are_not() -> None:
    conversation = talk(said("a"))
    assert refusal(conversation.insert, said("b"), "z") == ("previous_item_id", "item_not_found")
    assert refusal(conversation.insert, said("a")) == ("item.id", "item_exists")
    assert refusal(conversation.insert, FunctionCallOutput("b", "call_1", "")) == ("item.call_id", "invalid_call_id")
    assert ids(conversation) == ["a"]
    conversation.insert(FunctionCall("c", "call_1", "f", "{}"))
    conversation.insert(FunctionCallOutput("b", "call_1", ""))


def test_items_go() -> None:
    conversation = talk(said("a"), said("b"))
    conversation.delete("a")
    assert ids(conversation) == ["b"]
    assert refusal(conversation.delete, "a") == ("item_id", "item_not_found")
    assert refusal(conversation.get, "a") == ("item_id", "item_not_found")
    assert conversation.put(said("a")) is False
    assert "a" not in conversation


def test_an_items_state_takes_the_place_of_the_one_before() -> None:
    conversation = talk(said("a"), answer("b", status="in_progress"), said("c"))
    assert conversation.put(answer("b", "Hello."))
    assert ids(conversation) == ["a", "b", "c"]
    assert transcripts(conversation, "b") == ["Hello."]


def test_what_was_heard_gets_its_words() -> None:
    sound = Heard(np.zeros(10, np.int16))
    conversation = talk(Message("a", "user", (Words("Listen."), sound)), said("b"))
    assert conversation.transcribed("a", 1, "Hello.")
    item = conversation.get("a")
    assert isinstance(item, Message)
    part = item.content[1]
    assert isinstance(part, Heard)
    assert (part.transcript, part.digest) == ("Hello.", sound.digest)
    assert not conversation.transcribed("b", 0, "Hello.")
    assert not conversation.transcribed("z", 0, "Hello.")


@pytest.mark.parametrize(
    ("ms", "heard"),
    [(0, ""), (99, ""), (100, "One"), (250, "One two"), (299, "One two"), (300, "One two three"), (301, None)],
)
def test_an_answer_is_cut_to_the_words_that_were_heard(ms: int, heard: str | None) -> None:
    conversation = talk(answer("a", "Zero", "One two three", "Four"))
    if heard is None:
        assert refusal(conversation.truncate, Cut("a", 1, ms)) == ("audio_end_ms", "invalid_value")
        assert transcripts(conversation, "a") == ["Zero", "One two three", "Four"]
    else:
        assert conversation.truncate(Cut("a", 1, ms))
        assert transcripts(conversation, "a") == ["Zero", heard]


def test_an_answer_can_be_cut_again_but_does_not_come_back() -> None:
    conversation = talk(answer("a", "One two three four."))
    conversation.truncate(Cut("a", 0, 250))
    assert refusal(conversation.truncate, Cut("a", 0, 251)) == ("audio_end_ms", "invalid_value")
    conversation.truncate(Cut("a", 0, 100))
    assert transcripts(conversation, "a") == ["One"]


@pytest.mark.parametrize("ms", [10, 11])
def test_a_client_may_round_the_end_either_way(ms: int) -> None:
    whole = spoken("One")
    part = Spoken("One", whole.timeline, 10 * 24 + 1)
    conversation = talk(Message("a", "assistant", (part,)))
    conversation.truncate(Cut("a", 0, ms))
    assert transcripts(conversation, "a") == ["One"]


@pytest.mark.parametrize("ms", [200, 201])
def test_of_an_answer_that_broke_off_no_word_is_left_that_was_not_said(ms: int) -> None:
    sent = 2 * WORD_MS * 24 + 1
    part = replace(spoken("One two three"), samples=sent, whole=False)
    conversation = talk(Message("a", "assistant", (part,)))
    conversation.truncate(Cut("a", 0, ms))
    assert transcripts(conversation, "a") == ["One two"]
    item = conversation.get("a")
    assert isinstance(item, Message)
    (left,) = item.content
    assert isinstance(left, Spoken)
    assert left.samples <= sent


def test_only_speech_is_cut() -> None:
    conversation = talk(said("a"), Message("b", "assistant", (Words("Hi."),)), FunctionCall("c", "d", "f", "{}"))
    for cut, wrong in (
        (Cut("a", 0, 0), ("item_id", "invalid_item")),
        (Cut("c", 0, 0), ("item_id", "invalid_item")),
        (Cut("b", 0, 0), ("content_index", "invalid_value")),
        (Cut("b", 1, 0), ("content_index", "invalid_value")),
        (Cut("b", -1, 0), ("content_index", "invalid_value")),
        (Cut("b", 0, -1), ("audio_end_ms", "invalid_value")),
        (Cut("z", 0, 0), ("item_id", "item_not_found")),
    ):
        assert refusal(conversation.truncate, cut) == wrong


def test_an_answer_that_is_being_made_is_cut_once_it_has_stopped() -> None:
    conversation = talk(answer("a", status="in_progress"))
    cut = Cut("a", 0, 150, "mine")
    assert conversation.truncate(cut) is False
    conversation.put(answer("a", "One two three."))
    assert conversation.deferred("a") is cut
    assert conversation.truncate(cut) is True
    assert transcripts(conversation, "a") == ["One"]
    assert conversation.deferred("a") is None


def test_a_conversation_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ITEMS", 3)
    monkeypatch.setattr(limits, "MAX_MEDIA_BYTES", 100)
    sound = Message("a", "user", (Heard(np.zeros(40, np.int16)),))
    conversation = talk(sound)
    picture = Message("b", "user", (Seen("data:"),))
    conversation.insert(picture)
    decoded = Message("b", "user", (Seen("data:", Image(np.zeros((2, 3, 3), np.uint8), "digest")),))
    assert refusal(conversation.put, decoded) == ("item", "too_much_media")
    assert conversation.get("b") is picture
    assert refusal(conversation.insert, Message("c", "user", (Heard(np.zeros(8, np.int16)),)))[1] == "too_much_media"
    conversation.delete("a")
    assert conversation.put(decoded)
    conversation.insert(Message("a", "user", (Heard(np.zeros(38, np.int16)),)), "root")
    conversation.insert(said("c"))
    assert refusal(conversation.insert, said("d")) == ("item", "too_many_items")
    assert ids(conversation) == ["a", "b", "c"]


def tokens(item: Item) -> int:
    """Ten for every item."""
    return 10


SYSTEM = Message("s", "system", (Words("It is noon."),))


def test_a_conversation_that_is_too_long_forgets_its_beginning() -> None:
    conversation = talk(SYSTEM, *map(said, "abcd"))
    assert conversation.fit("auto", 50, tokens) == ()
    assert conversation.fit("disabled", 30, tokens) == ()
    assert conversation.fit("auto", 35, tokens) == ("a", "b")
    assert [item.id for item in conversation.context] == ["s", "c", "d"]
    assert ids(conversation) == ["s", "a", "b", "c", "d"]
    assert conversation.fit("auto", 35, tokens) == ()
    assert conversation.fit("auto", 1, tokens) == ("c",)
    assert [item.id for item in conversation.context] == ["s", "d"]
    again = Conversation(conversation.items, conversation.id, conversation.forgotten)
    assert again.context == conversation.context


def test_more_is_forgotten_at_a_time_so_that_it_is_seldom() -> None:
    conversation = talk(*map(said, "abcdefghij"))
    keep = Retention(0.5)
    assert conversation.fit(keep, 100, tokens) == ()
    conversation.insert(said("k"))
    assert conversation.fit(keep, 100, tokens) == tuple("abcdef")
    for item_id in "lmnop":
        conversation.insert(said(item_id))
        assert conversation.fit(keep, 100, tokens) == ()
    assert conversation.fit(Retention(1, 80), 100, tokens) == ("g", "h")


def test_a_call_is_forgotten_with_what_it_returned() -> None:
    call, output = FunctionCall("c", "call_1", "f", "{}"), FunctionCallOutput("o", "call_1", "3")
    conversation = talk(said("a"), call, output, said("b"))
    assert conversation.fit("auto", 25, tokens) == ("a", "c", "o")
    assert [item.id for item in talk(call, output).context] == ["c", "o"]
    asked = talk(said("a"), call, output)
    assert asked.fit("auto", 5, tokens) == ("a",)


class Talks(RuleBasedStateMachine):
    """A conversation beside a list, and beside what every answer's words may at most be."""

    items = Bundle("items")

    def __init__(self) -> None:
        super().__init__()
        self.conversation = Conversation()
        self.order: list[str] = []
        self.heard: dict[str, list[int]] = {}
        """Words of every part of an answer that may be shown."""
        self.made = 0

    def _inserted(self, item: Item, previous: str | None) -> str:
        if previous not in (None, "root", *self.order):
            assert refusal(self.conversation.insert, item, previous) == ("previous_item_id", "item_not_found")
            return "gone"
        place = {None: len(self.order), "root": 0}.get(previous)
        place = self.order.index(str(previous)) + 1 if place is None else place
        before = self.conversation.insert(item, previous)
        assert before == (self.order[place - 1] if place else None)
        self.order.insert(place, item.id)
        return item.id

    def _new(self) -> str:
        self.made += 1
        return f"item_{self.made}"

    @rule(target=items, previous=st.one_of(st.none(), st.just("root"), items))
    def say(self, previous: str | None) -> str:
        return self._inserted(said(self._new()), previous)

    @rule(target=items, previous=st.one_of(st.none(), items), counts=st.lists(st.integers(1, 4), max_size=3))
    def reply(self, previous: str | None, counts: list[int]) -> str:
        item_id = self._new()
        if self._inserted(answer(item_id, *map(words, counts)), previous) == item_id:
            self.heard[item_id] = counts
        return item_id

    @rule(item_id=items)
    def say_again(self, item_id: str) -> None:
        if item_id in self.order:
            assert refusal(self.conversation.insert, said(item_id)) == ("item.id", "item_exists")

    @rule(item_id=consumes(items))
    def delete(self, item_id: str) -> None:
        if item_id not in self.order:
            assert refusal(self.conversation.delete, item_id) == ("item_id", "item_not_found")
            return
        self.conversation.delete(item_id)
        self.order.remove(item_id)
        self.heard.pop(item_id, None)

    @rule(item_id=items, part=st.integers(-1, 3), ms=st.integers(-50, 450))
    def cut(self, item_id: str, part: int, ms: int) -> None:
        if self._is_being_made(item_id):
            return
        parts = self.heard.get(item_id, [])
        before = self.conversation.items
        try:
            self.conversation.truncate(Cut(item_id, part, ms))
        except RequestError:
            assert self.conversation.items == before
            return
        parts[part:] = [min(parts[part], ms // WORD_MS)]

    @rule(target=items)
    def answer_slowly(self) -> str:
        return self._inserted(answer(self._new(), status="in_progress"), None)

    def _is_being_made(self, item_id: str) -> bool:
        item = self.conversation.get(item_id) if item_id in self.order else None
        return isinstance(item, Message) and item.status == "in_progress"

    @rule(item_id=items, count=st.integers(1, 4), ms=st.integers(0, 450))
    def cut_while_it_is_made(self, item_id: str, count: int, ms: int) -> None:
        if not self._is_being_made(item_id):
            return
        assert not self.conversation.truncate(Cut(item_id, 0, ms))
        self.conversation.put(answer(item_id, words(count)))
        self.heard[item_id] = [count]
        deferred = self.conversation.deferred(item_id)
        assert deferred is not None
        self.cut(deferred.item_id, deferred.content_index, deferred.audio_end_ms)

    @rule(limit=st.integers(0, 60))
    def forget(self, limit: int) -> None:
        last = self.conversation.context[-1:]
        forgotten = self.conversation.fit("auto", limit, tokens)
        context = self.conversation.context
        assert not {item.id for item in context} & set(forgotten)
        assert len(context) * 10 <= max(limit, 10)
        assert context[-1:] == last

    @invariant()
    def items_are_in_order(self) -> None:
        assert ids(self.conversation) == self.order
        assert self.conversation.last == (self.order[-1] if self.order else None)

    @invariant()
    def nothing_is_shown_that_was_not_heard(self) -> None:
        for item_id, counts in self.heard.items():
            assert transcripts(self.conversation, item_id) == [words(count) for count in counts]


def words(count: int) -> str:
    return " ".join(("one", "two", "three", "four")[:count])


TestTalks = Talks.TestCase
TestTalks.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)


def test_parts_are_what_they_were_if_they_were_heard_whole() -> None:
    part: Part = spoken("One two.")
    assert isinstance(part, Spoken)
    assert part.cut(200) is part
