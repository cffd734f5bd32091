"""The splitter: where it cuts, that chunking never matters, that it costs the same per character everywhere."""

import random
import time

import pytest

from tts.sentences import LIMIT, SentenceSplitter

CASES: list[tuple[str | None, str]] = [  # "¦" marks the expected cuts and is no part of the text
    ("en", "Good morning! ¦The kettle is on. ¦Do you take milk?"),
    ("en", "The ferry costs 4.50 per person. ¦Bikes are free."),
    ("en", "Ask Dr. Lindqvist or Mrs. Amara before 9 a.m. on Tuesday. ¦They know."),
    ("en", "The desk closes at 6 p.m. Friday. ¦Come earlier."),
    ("en", "Bring snacks, e.g. apples or nuts. ¦Water is provided."),
    ("en", "I was about to ... well, forget it. ¦Let's eat."),
    ("en", '"Is it raining?" he asked. ¦It was.'),
    ("en", "He wrote (see p. 12. It is short) to the mayor. ¦She replied."),
    ("en", "We can take plan C. ¦Plan D is slower."),
    ("en", "The wind reached 30 m/s. ¦Trains stopped."),
    ("en", "See the notes at https://docs.example.net/v2.1/index.html! ¦They are short."),
    ("en", "Sails were cut by hand.[3][4] ¦Later they were sewn."),
    ("en", "macOS was first. ¦iOS came later."),
    ("en", "I said no. ¦She left. ¦Open the app. ¦Then wait a sec. ¦It is art. ¦I like it."),
    ("en", "No. ¦A cat is none. ¦We climbed 500 ft. ¦It took 5 ms. ¦We met Al. ¦He waved."),
    ("en", "See No. 5, App. B, App. A, Fig. 3, Art. 7, Sec. IV and Eq. (2) by Lee et al. Here Mt. Everest is."),
    ("es", "Dijo que no. ¦Ella salió."),
    ("de", "Brot, Milch usw. ¦Danach ging er."),
    ("de", "Das gilt z. B. am 4. Mai. ¦Danach nicht mehr."),
    ("de", "Sie rief: „Warte auf mich!“ ¦Dann lief sie los."),
    ("fr", "Tu viens ? ¦On part à 8,5 km d'ici avec M. Leroy."),
    ("es", "¿Vienes? ¦¡Claro que sí! ¦El Sr. Ortega también."),
    ("el", "Τι κάνεις; ¦Είμαι καλά."),
    ("hy", "Դուռը բաց է: ¦Մտիր ներս:"),
    (None, "水温约为36.5度。¦请慢一点！¦好吗？"),
    (None, "他走了。¦“再见。”¦她没有回头。"),
    (None, "我们读了《去吧！朋友》这本书。¦很好看。"),
    (None, "「行こう！」と彼は言った。¦雨はやんでいた。"),
    (None, "यह किताब है। ¦डॉ. वर्मा कहाँ हैं?"),
    ("zh", "这里用CPU (e.g. i7)就够了。¦谢谢。"),
    ("en", "# What to pack. And why\n¦Two shirts.\n\n¦One hat!"),
    ("en", "You need:\n¦- a rope\n¦- 2 tsp. salt\n¦- courage. ¦A lot of it.\n\n¦Go."),
    ("en", "Do this:\n¦1. Open the lid.\n¦2. Pour\n¦3. Close"),
    ("en", "- first point\n  that goes on\n¦- second point\n¦no item"),
    ("en", "| City | Temp. |\n¦|---|---|\n¦| Oslo | 3.5 |\n\n¦Brr."),
    ("en", "Run it:\n\n¦```sh\nls -l. And\n\nrm x.\n```\n¦Done."),
    ("en", "~~~~\n``` inside\n~~~\nstill\n~~~~\n¦Out."),
    ("en", "one line\nthat is wrapped\n\n¦another paragraph"),
    ("en", "Well done 🎉\n¦Now rest."),
    ("en", "an unfinished thought"),
]


def split(lang: str | None, pieces: list[str]) -> list[str]:
    splitter = SentenceSplitter(lang)
    return [unit for piece in pieces for unit in splitter.feed(piece)] + splitter.flush()


def pieces_of(text: str, rng: random.Random) -> list[str]:
    pieces = []
    while text:
        size = rng.randint(1, 6)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def without_space(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(("lang", "marked"), CASES)
def test_cuts_where_a_reader_would_pause(lang: str | None, marked: str) -> None:
    units = [unit.strip() for unit in marked.split("¦")]
    text = marked.replace("¦", "")
    assert split(lang, [text]) == units
    assert split(lang, list(text)) == units


def test_a_list_item_of_two_sentences_is_two_units() -> None:
    assert split("en", ["- Rinse it. Dry it.\n- Store it."]) == ["- Rinse it.", "Dry it.", "- Store it."]


def test_a_unit_leaves_with_the_word_after_its_stop() -> None:
    splitter = SentenceSplitter("en")
    assert splitter.feed("The door is open. Come") == []
    assert splitter.feed(" in") == ["The door is open."]


def test_a_newline_after_a_stop_needs_no_look_ahead() -> None:
    assert SentenceSplitter("en").feed("The door is open.\n") == ["The door is open."]


def test_a_chinese_stop_needs_one_character() -> None:
    splitter = SentenceSplitter("zh")
    assert splitter.feed("门开着。") == []
    assert splitter.feed("请") == ["门开着。"]


TRICKY = [
    *'.!?…。！”“„"()[]「」《》«»`|#*_>–•:;1aBéह।好と😀\t\n',
    *(
        " ",
        " ",
        " ",
        "\n\n",
        "\r\n",
        "- ",
        "1. ",
        "12)",
        "(1) ",
        "# ",
        "```",
        "~~~",
        "---",
        "Dr",
        "foo",
        "Bar",
        "3.14",
        "[1]",
    ),
    *("」って", ". . .", "x" * 20, " " * 70, "word " * 60),
]


@pytest.mark.parametrize("seed", range(8))
def test_any_chunking_gives_the_same_units_and_loses_nothing(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        text = "".join(rng.choices(TRICKY, k=rng.randint(1, 60)))
        lang = rng.choice([None, "en", "zh", "de"])
        whole = split(lang, [text])
        assert split(lang, list(text)) == whole
        assert split(lang, pieces_of(text, rng)) == whole
        assert without_space("".join(whole)) == without_space(text)
        assert all(unit == unit.strip() != "" for unit in whole)


LONG = {
    "clauses": "we went on, and the road went on with us, past mills and ponds, " * 40,
    "words": "and then we walked a little further " * 60,
    "no spaces": "没有标点的句子一直写下去" * 120,
    "address": "https://example.net/" + "path-" * 300,
    "accents": "e\u0301" * 900,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_text_without_stops_is_cut_at_the_limit(text: str) -> None:
    units = split("en", [text])
    assert without_space("".join(units)) == without_space(text)
    assert max(map(len, units)) <= LIMIT
    assert not any(unit.startswith("\u0301") for unit in units)


def test_the_limit_prefers_a_clause() -> None:
    assert all(unit.endswith(",") for unit in split("en", [LONG["clauses"]])[:-1])


def test_after_flush_the_splitter_is_as_new() -> None:
    splitter = SentenceSplitter("en")
    splitter.feed("```\ncode")
    assert splitter.flush() == ["```\ncode"]
    assert [*splitter.feed("One more. And"), *splitter.flush()] == ["One more.", "And"]


def pending(text: str) -> str:
    splitter = SentenceSplitter("en")
    splitter.feed(text)
    return splitter.pending


def test_what_is_not_finished_can_be_seen_where_it_may_be_cut() -> None:
    assert pending("That is one. And") == "That is one. And"
    assert pending("That is one. And this is") == " And this is"
    assert pending("- an item that") == "- an item that"
    for whole in ("# A heading", "| a | b", "```\na, b"):
        assert pending(whole) == ""


def test_a_piece_that_is_taken_is_gone_and_the_rest_is_split_as_ever() -> None:
    splitter = SentenceSplitter("en")
    splitter.feed("When it rains, we")
    assert splitter.take(len("When it rains, ")) == "When it rains,"
    assert [*splitter.feed(" read Dr. Lee. And then"), *splitter.flush()] == ["we read Dr. Lee.", "And then"]


@pytest.mark.parametrize(
    ("text", "released"),
    [
        ("That is all.", ["That is all."]),
        ("That is all. ", ["That is all."]),
        ("That is all. And", ["That is all."]),
        ("That is all. but", []),
        ("“That is all.”", ["“That is all.”"]),
        ("就这些。", ["就这些。"]),
        ("It costs 3.", []),
        ("We met Dr.", []),
        ("That is", []),
        ("# A heading.", []),
        ("```\nThat is all.", []),
        ("", []),
    ],
)
def test_a_sentence_that_only_waits_for_a_word_can_be_released(text: str, released: list[str]) -> None:
    splitter = SentenceSplitter()
    fed = splitter.feed(text)
    assert fed == []
    assert splitter.release() == released
    assert splitter.release() == []
    rest = [*splitter.feed(" It goes on."), *splitter.flush()]
    assert without_space("".join(released + rest)) == without_space(text + " It goes on.")


@pytest.mark.parametrize("unit", ["a", "Hello there. ", "你好，", ". ", "— ", '"', "(a ", "\n", "`", " ", "```\n"])
def test_time_is_linear_in_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = (unit * size)[:size]
        start = time.process_time()
        split("en", list(text))
        return time.process_time() - start

    short, long = min(seconds(10_000) for _ in range(2)), seconds(100_000)
    assert long < 40 * short + 0.1  # quadratic would be 100
