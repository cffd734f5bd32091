"""What is said for what is shown. The tables of what each language says are in `tests/tts/spoken_*.py`."""

import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tts import spoken_chinese, spoken_english, spoken_european
from tts.speakable import speakable

MARKUP = re.compile(r"[*_#|`~<>\[\]{}\\$^]")
LANGUAGES = (None, "en", "zh", "de", "fr", "es", "it", "pt", "ru", "ja", "ko", "nl", "hi", "zh-Hant-TW")
WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=9)
MARKED = '{} **{}** _{}_ `{}` ~~{}~~ [{}](http://x.yz) <b>{}</b> {}-5 {}, ({}) #{} "{}" {}/'
# Text made of what the rules look for, which random characters hardly ever spell.
SHAPES = """
    1 2 10 1984 2026 3.5 1,234 007 $ € £ % ° °C km m² - – ~ : / . , ; ( ) [ ] { } < > * ** _ ` ``` # ## | > = + ×
    \\ ^ & @ the in on 年 月 日 个 的 в году am Uhr st th s PM e.g. www. example.com a@b.cd https:// main.py \\frac
    \\sqrt $$ \\( \\) ½ ² ① １ 👍 👩‍💻 é ß слово 글 か हि क्‍ष 1. a) --- <b> </b> <!-- ![ ]( [^1] :--
"""
PIECES = st.sampled_from([*SHAPES.split(), " ", "\n", "\n- ", "\t"])
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=14).map("".join),
    st.lists(PIECES, max_size=14).map(" ".join),
)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("## What to pack", "What to pack"),
        ("- a **long** rope", "a long rope"),
        ("- [x] a rope", "a rope"),
        ("> *Quiet*, they ~~said~~ wrote", "Quiet, they said wrote"),
        ("2. Pour it", "two. Pour it"),
        ("(3) Stir", "three. Stir"),
        ("See [the notes](https://example.net/a_(b)_c \"Notes\") now", "See the notes now"),
        ("See [the notes][1] now[^2]", "See the notes now"),
        ("[![A barn](a.png)](https://example.net)", "A barn"),
        ("![A red barn](barn.png)", "A red barn"),
        ("Use `my_name` and _not_ this", "Use my name and not this"),
        ("Call `print(x)` or `os.path.join`", "Call print(x) or os dot path dot join"),
        ("Well done 🎉👩‍💻!", "Well done!"),
        ("1️⃣ Start 🇩🇪 here ✅", "one Start here"),
        ("| Oslo | 3.5 |", "Oslo, three point five"),
        ("| a \\| b | c |", "a b, c"),
        ("Water <b>boils</b><br/>now", "Water boils now"),
        ("Fish &amp; chips", "Fish and chips"),
        ("one\nline", "one line"),
        ("---", ""),
        ("|---|:--|", ""),
        ("🎉 !?", ""),
        ("", ""),
        ("```py\nprint(1)\n```", "Code example."),
    ],
)  # fmt: skip
def test_marks_are_not_said(shown: str, said: str) -> None:
    assert speakable(shown) == said


@pytest.mark.parametrize(("shown", "said"), spoken_english.CASES)
def test_english(shown: str, said: str) -> None:
    assert speakable(shown) == said


@pytest.mark.parametrize(("shown", "said"), spoken_chinese.CASES)
def test_chinese(shown: str, said: str) -> None:
    assert speakable(shown, "zh") == said


@pytest.mark.parametrize(("lang", "shown", "said"), spoken_european.CASES)
def test_other_languages(lang: str, shown: str, said: str) -> None:
    assert speakable(shown, lang) == said


def test_code_is_announced_in_the_language_of_the_answer() -> None:
    assert speakable("```\nx\n```", "zh") == "代码示例。"
    assert speakable("```\nx\n```", "nl") == "Code example."


@pytest.mark.parametrize(
    ("lang", "said"), [(None, "forty-two"), ("en", "forty-two"), ("zh", "四十二"), ("zh-TW", "四十二"), ("nl", "42")]
)
def test_text_without_letters_is_in_the_language_of_the_answer(lang: str | None, said: str) -> None:
    assert speakable("42", lang) == said


@pytest.mark.parametrize("lang", [None, "zh", "de", "nl"])
@pytest.mark.parametrize("shown", [case[0] for case in spoken_english.CASES + spoken_chinese.CASES])
def test_what_is_said_has_no_markup_and_is_said_the_same_again(shown: str, lang: str | None) -> None:
    said = speakable(shown, lang)
    assert not MARKUP.search(said)
    assert speakable(said, lang) == said


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.sampled_from(LANGUAGES))
def test_any_text_is_said_without_markup_and_the_same_again(shown: str, lang: str | None) -> None:
    said = speakable(shown, lang)
    assert not MARKUP.search(said)
    assert not {char for char in said if unicodedata.category(char) in ("So", "Cs", "Co", "Cc")} - set("°℃℉№")
    assert said == "" or any(char.isalnum() for char in said)
    assert speakable(said, lang) == said


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_digit_is_left_in_english(shown: str) -> None:
    latin = "".join(char for char in shown if char.isascii())
    assert not re.search("[0-9]", speakable(f"Well, {latin}".replace("`", ""), "en"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WORDS, st.sampled_from(MARKED.split())), min_size=1, max_size=8))
def test_every_word_that_is_shown_is_said(words: list[tuple[str, str]]) -> None:
    said = iter(re.findall(r"\w+", speakable(" ".join(mark.format(word) for word, mark in words))))
    assert all(word in said for word, _ in words)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**15 - 1), st.sampled_from(["en", "zh", "de", "fr", "es", "it", "pt", "ru", "ko"]))
def test_any_number_becomes_words(number: int, lang: str) -> None:
    said = speakable(str(number), lang)
    assert said
    assert not re.search("[0-9]", said)


HOSTILE_CHARACTERS = '1$[*(_`~|<>{\\^#-.:/,=&@!% \n"×²👍é个а'
HOSTILE_PIECES = (
    *(
        "1,",
        "1.",
        "1 ",
        "1-",
        "1:",
        "1/",
        "1 111 ",
        "1.111.",
        "$1",
        "v1",
        "1km",
        "1e",
        "x^",
        "1年",
        "a1",
        "他a",
        "1\u00d7",
    ),
    *("[](", "![", "](", "[a](b", "<b ", "<!--", "|a", "- ", "> ", "# ", "\\frac{", "\\(", "\\(a", "$a", "$$a", "x_{"),
    *("a@", "a.", "a/", "../", "http://", "www.", "a-", "  ,", "\u200d", "March ", "in ", "1 March "),
    *("am 1. ", "从1", "½"),
)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "shown", [char * (100_000 // len(char.encode())) for char in HOSTILE_CHARACTERS], ids=list(HOSTILE_CHARACTERS)
)
def test_a_long_run_of_any_sign_takes_less_than_a_second(shown: str, lang: str) -> None:
    assert _seconds(shown, lang) < 1


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("piece", HOSTILE_PIECES)
def test_time_is_linear_in_hostile_text(piece: str, lang: str) -> None:
    assert _seconds(piece * (20_000 // len(piece)), lang) < 1


def _seconds(shown: str, lang: str) -> float:
    speakable("1", lang)  # the rules of a language are made when it is first needed
    start = time.process_time()
    speakable(shown, lang)
    return time.process_time() - start
