"""What is said for what is shown."""

import pytest

from tts.speakable import speakable


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("## What to pack", "What to pack"),
        ("- a **long** rope", "a long rope"),
        ("> *Quiet*, they ~~said~~ wrote", "Quiet, they said wrote"),
        ("2. Pour it", "2. Pour it"),
        ("See [the notes](https://example.net/a_b) now", "See the notes now"),
        ("![A red barn](barn.png)", "A red barn"),
        ("Use `my_name` and _not_ this", "Use my_name and not this"),
        ("Well done 🎉👩‍💻!", "Well done !"),
        ("| Oslo | 3.5 |", "Oslo, 3.5"),
        ("Water <b>boils</b>", "Water boils"),
        ("one\nline", "one line"),
        ("---", ""),
        ("|---|:--|", ""),
        ("🎉 !?", ""),
        ("```py\nprint(1)\n```", "Code example."),
        ("5 * 3 = 15", "5 3 = 15"),
    ],
)
def test_marks_are_not_said(shown: str, said: str) -> None:
    assert speakable(shown) == said


def test_code_is_announced_in_the_language_of_the_answer() -> None:
    assert speakable("```\nx\n```", "zh") == "代码示例。"


@pytest.mark.parametrize("shown", ["- # **a** [b](c) `d`", "| *x* | y |", "> - _z_"])
def test_cleaning_twice_changes_nothing(shown: str) -> None:
    assert speakable(speakable(shown)) == speakable(shown)
