"""What was heard, from samples."""

from itertools import pairwise

import pytest

from tts.timeline import Timeline


def two_units() -> Timeline:
    line = Timeline()
    line.begin("One two three.", 0, 100)
    line.end(1000)
    line.begin("Four, five.", 1300, 700)
    return line


@pytest.mark.parametrize(
    ("at", "heard"),
    [
        (0, ""),
        (100, ""),
        (270, "One"),
        (999, "One two three."),
        (1000, "One two three."),
        (1300, "One two three."),
        (1700, "One two three. Four,"),
        (2000, "One two three. Four, five."),
        (9999, "One two three. Four, five."),
    ],
)
def test_whole_units_and_whole_words(at: int, heard: str) -> None:
    assert two_units().heard(at) == heard


def test_the_real_end_replaces_the_expected_one() -> None:
    line = two_units()
    line.end(3000)
    assert line.heard(2000) == "One two three. Four,"
    assert line.heard(3000) == "One two three. Four, five."


def test_what_broke_off_was_not_said_to_its_end() -> None:
    line = two_units()
    line.skip(1700)
    line.begin("Six.", 1700, 300)
    assert line.heard(1699) == "One two three. Four,"
    assert line.heard(2000) == "One two three. Four, Six."
    line.skip(1700)
    assert line.heard(2000) == "One two three. Four,"


def test_more_samples_never_make_less_text() -> None:
    line = two_units()
    heard = [line.heard(at) for at in range(0, 2100, 7)]
    assert all(later.startswith(earlier) for earlier, later in pairwise(heard))
    assert len(set(heard)) == 6


def test_long_words_and_numbers_take_longer() -> None:
    line = Timeline()
    line.begin("a 1789 b", 0, 1000)
    assert line.heard(500) == "a"
    line = Timeline()
    line.begin("a of b", 0, 1000)
    assert line.heard(720) == "a of"


def test_a_script_without_spaces_is_heard_by_the_letter() -> None:
    line = Timeline()
    line.begin("今天天气好", 0, 1000)
    assert line.heard(400) == "今天"


def test_nothing_was_said_yet() -> None:
    assert Timeline().heard(100) == ""
