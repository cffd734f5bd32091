"""The planner, on a clock that the tests turn."""

from __future__ import annotations

import random

import pytest

from tts.plan import Planner, Unit, pause_after

LONG = "This one goes on for quite a while, with clauses, and more clauses, and only then does it come to its end. "


def fed(*pieces: str, now: float = 0.0, idle_flush: float = 0.3) -> Planner:
    planner = Planner(idle_flush=idle_flush)
    for piece in pieces:
        planner.feed(piece, now)
    return planner


def texts(units: list[Unit]) -> list[str]:
    return [unit.text for unit in units]


def all_units(planner: Planner, buffered: float, now: float = 0.0) -> list[Unit]:
    units = []
    while unit := planner.take(now, buffered):
        units.append(unit)
    return units


def test_the_first_unit_is_the_first_sentence() -> None:
    planner = fed("Here is the first one. Here is the second one. And the third")
    assert planner.ready(0, 0)
    assert planner.take(0, 0) == Unit("Here is the first one.", "Here is the first one.", 0.3)


def test_a_listener_with_nothing_to_hear_gets_single_sentences() -> None:
    planner = fed("Here is the first one. Here is the second one. ")
    planner.end(0)
    assert texts(all_units(planner, 0)) == ["Here is the first one.", "Here is the second one."]
    assert planner.done


@pytest.mark.parametrize(("buffered", "sentences"), [(0.0, 1), (2.0, 1), (4.0, 2), (8.0, 4), (60.0, 9)])
def test_units_grow_with_the_buffered_sound_up_to_a_limit(buffered: float, sentences: int) -> None:
    planner = fed("This sentence has few letters. " * 20)  # two seconds each
    unit = planner.take(0, buffered)
    assert unit is not None
    assert unit.text.count(".") == sentences


def test_no_unit_is_longer_than_what_is_buffered() -> None:
    planner = fed("This sentence has few letters. " * 40)
    for buffered in (3.0, 5.0, 9.0, 12.0):
        unit = planner.take(0, buffered)
        assert unit is not None
        assert len(unit.words) <= 15 * buffered + 5


def test_a_clause_when_no_stop_comes_by_seventy_letters() -> None:
    planner = fed(LONG[:60])
    assert planner.take(0, 0) is None
    planner.feed(LONG[60:80], 0.0)
    assert planner.take(0, 0) == Unit(LONG[:67].strip(), LONG[:67].strip(), 0.12)


def test_a_clause_when_no_stop_comes_in_time() -> None:
    planner = fed("If you ask me about it, I would", now=10.0)
    assert planner.take(10.14, 0) is None
    assert planner.due(10.14, 0) == 10.15
    unit = planner.take(10.15, 0)
    assert unit is not None
    assert unit.text == "If you ask me about it,"
    planner.feed(" rather say nothing. And", 10.2)
    planner.end(10.3)
    assert texts(all_units(planner, 0, 10.3)) == ["I would rather say nothing.", "And"]


def test_no_clause_while_there_is_sound_to_hear() -> None:
    planner = fed(LONG[:80])
    assert planner.take(1.0, 2.0) is None
    assert planner.due(1.0, 2.0) == pytest.approx(2.5)
    assert planner.take(2.5, 0.5) is not None


@pytest.mark.parametrize(
    "text",
    [
        'He said "well, it is a long story, and I do not know how to tell it, so',
        "It is (as far as anybody knows, and many people have looked, and read",
        "**An important remark, one that is set in bold, with some more clauses, and",
        "One hundred and ten letters without any mark are nothing that should be cut so early because it sounds bad",
        "Well, that depends on what is meant by all of these words that",
        "# A heading, which is long, and has clauses, and goes on for more than seventy letters, yes",
        "```\na, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, aa, bb, cc",
    ],
)
def test_where_no_clause_is_cut(text: str) -> None:
    planner = fed(text)
    assert planner.take(0.0, 0) is None
    assert planner.take(0.2, 0) is None


def test_much_text_without_any_mark_is_cut_at_a_space() -> None:
    planner = fed("word " * 30)
    unit = planner.take(0, 0)
    assert unit is not None
    assert unit.text.endswith("word")
    assert unit.pause < 0.1


def test_a_tiny_sentence_waits_for_the_next() -> None:
    planner = fed("Yes. And ")
    assert planner.take(0, 0) is None
    planner.feed("here is why. Now", 0.1)
    planner.feed(" then", 0.1)
    unit = planner.take(0.1, 0)
    assert unit is not None
    assert unit.text == "Yes. And here is why."


def test_a_tiny_sentence_does_not_wait_for_ever() -> None:
    planner = fed("Yes. And ", now=1.0)
    assert planner.due(1.0, 0) == 1.15
    unit = planner.take(1.15, 0)
    assert unit is not None
    assert unit.text == "Yes."


def test_a_tiny_sentence_waits_longer_while_there_is_sound_to_hear() -> None:
    planner = fed("Yes. And ", now=1.0)
    assert planner.take(2.0, 3.0) is None
    assert planner.take(4.5, 0.5) is not None


def test_a_tiny_text_is_spoken_when_it_ends() -> None:
    planner = fed("No.")
    planner.end(0)
    assert texts(all_units(planner, 0)) == ["No."]


def test_the_idle_flush_releases_the_sentence_that_waits_for_a_word() -> None:
    planner = fed("That is the whole story.", now=5.0)
    assert planner.take(5.29, 0) is None
    assert planner.due(5.2, 0) == 5.3
    unit = planner.take(5.3, 0)
    assert unit is not None
    assert unit.text == "That is the whole story."
    planner.feed(" There is more.", 9.0)
    planner.end(9.0)
    assert texts(all_units(planner, 0, 9.0)) == ["There is more."]


@pytest.mark.parametrize("text", ["The price is 3.", "We met Dr.", "He lives in the", "See approx.", "It costs 12. "])
def test_what_the_idle_flush_keeps(text: str) -> None:
    planner = fed(text)
    unit = planner.take(10.0, 0)
    assert unit is None or text == "It costs 12. "


def test_the_idle_flush_time_is_configurable() -> None:
    assert fed("That is all of it.", idle_flush=2.0).take(1.0, 0) is None
    assert fed("That is all of it.", idle_flush=0.1).take(0.1, 0) is not None


def test_text_that_holds_nothing_to_say_goes_along() -> None:
    planner = fed("🎉\n\nThat is good news.\n\n---\n\nAnd that is more of it.\n\n🎉\n")
    planner.end(0)
    units = all_units(planner, 0)
    assert [(unit.text, unit.words) for unit in units] == [
        ("🎉 That is good news.", "That is good news."),
        ("--- And that is more of it.", "And that is more of it."),
        ("🎉", ""),
    ]
    assert planner.done


def test_much_that_holds_nothing_to_say_does_not_wait_for_a_sentence() -> None:
    planner, shown = Planner(), ""
    for _ in range(25):
        planner.feed("*" * 400, 0)
        while planner.only_unsaid:
            assert planner.ready(0, 0)
            unit = planner.take(0, 0)
            assert unit is not None
            assert not unit.words
            shown += unit.text
    assert len(shown) > 9000
    planner.feed(" Hello.", 0)
    planner.end(0)
    shown += "".join(unit.text for unit in all_units(planner, 0))
    assert shown.replace(" ", "") == "*" * 10_000 + "Hello."
    assert planner.done


def test_scripts_are_not_mixed_in_a_unit() -> None:
    planner = fed("That is good news.\n今天天气很好。\nAnd that is more of it.\n")
    planner.end(0)
    assert texts(all_units(planner, 60.0)) == ["That is good news.", "今天天气很好。", "And that is more of it."]


def test_sentences_of_a_script_without_spaces_are_joined_without() -> None:
    planner = fed("今天天气很好。我们去公园吧。")
    planner.end(0)
    assert texts(all_units(planner, 60.0)) == ["今天天气很好。我们去公园吧。"]


def test_a_list_of_tiny_items_is_read_with_stops() -> None:
    planner = fed("- Eggs\n- Milk\n- Flour\n")
    planner.end(0)
    (unit,) = all_units(planner, 60.0)
    assert unit.text == "- Eggs - Milk - Flour"
    assert unit.words == "Eggs. Milk. Flour"


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        *(("Wait,", 0.12), ("So:", 0.2), ("Done.", 0.3), ('"Done."', 0.3), ("**Done!**", 0.3), ("好。", 0.3)),
        *(("# Title", 0.4), ("- item", 0.4), ("| a | b |", 0.4), ("no mark", 0.05)),
    ],
)
def test_the_pause_is_that_of_the_last_mark(text: str, pause: float) -> None:
    assert pause_after(text) == pause


def test_a_long_sentence_is_shortened_to_a_clause_when_told_to() -> None:
    planner = fed(LONG + "And here is another. ")
    planner.shorten(buffered=20.0)
    assert planner.next_length == len(LONG.strip())
    planner.shorten(buffered=4.0)
    assert planner.next_length == len("This one goes on for quite a while, with clauses,")
    planner.end(0)
    assert " ".join(texts(all_units(planner, 0))) == LONG + "And here is another."


def test_a_sentence_is_not_shortened_inside_its_clauses() -> None:
    planner = fed("This one has many words, and none too few of them. And ")
    planner.shorten(buffered=0.1)
    assert planner.next_length == len("This one has many words,")
    planner = fed("This one has many words and none too few of them either. And ")
    planner.shorten(buffered=0.1)
    assert texts(all_units(planner, 0)) == ["This one has many words and none too few of them either."]
    Planner().shorten(buffered=0.1)


@pytest.mark.parametrize(
    "block", ["```\nfirst, second, third, and one more, of course\n```", "# Eggs, milk, flour, and butter, too"]
)
def test_a_block_is_never_shortened(block: str) -> None:
    planner = fed(f"{block}\n")
    planner.end(0)
    planner.shorten(buffered=0.0)
    assert texts(all_units(planner, 0)) == [block]


def test_a_shortened_sentence_keeps_what_was_shown_before_it() -> None:
    planner = fed(f"🎉\n{LONG}\n\n🎈\n")
    planner.shorten(buffered=0.0)
    planner.end(0)
    first, *_, last = texts(all_units(planner, 0))
    assert first == "🎉 This one goes on for quite a while,"
    assert last == "🎈"


def test_clauses_that_were_cut_come_together_again_when_there_is_time() -> None:
    planner = fed(LONG)
    planner.end(0)
    planner.shorten(buffered=1.0)
    assert texts(all_units(planner, 20.0)) == [LONG.strip()]


def test_everything_is_said_once_and_in_order_whatever_the_times() -> None:
    text = "Yes. " + LONG + "It costs 3.14 euros, or so. 🎉 \n\n- one\n- two\n\n今天天气很好。 Well then. " + LONG
    for seed in range(200):
        chance = random.Random(seed)
        planner, now, units, rest = Planner(), 0.0, [], text
        while rest or not planner.done:
            size = chance.randint(1, 20)
            if rest:
                planner.feed(rest[:size], now)
                rest = rest[size:]
                if not rest:
                    planner.end(now)
            now += chance.choice((0.0, 0.01, 0.1, 1.0))
            if chance.random() < 0.3:
                planner.shorten(chance.choice((0.1, 3.0)))
            if unit := planner.take(now, chance.choice((0.0, 0.3, 2.0, 20.0))):
                units.append(unit)
        assert "".join("".join(texts(units)).split()) == "".join(text.split()), seed
        assert any("3.14" in unit.text for unit in units), seed


def test_due_is_in_the_future_and_something_comes_of_it() -> None:
    """Whoever only ever sleeps until `due` gets all that time alone can give."""
    for seed in range(100):
        chance = random.Random(seed)
        planner, now = fed(LONG[: chance.randint(1, len(LONG))]), 0.0
        buffered = chance.choice((0.0, 0.4, 3.3))
        dry = now + buffered
        for _ in range(20):
            planner.take(now, max(0.0, dry - now))
            due = planner.due(now, max(0.0, dry - now))
            if due is None:
                break
            assert due > now
            now = due
        assert due is None
        assert planner.take(now + 100, 0) is None
