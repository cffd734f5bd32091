import json
from typing import Any

import pytest

from loadtests.stream import AnswerError, AnswerReader


def event(**data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def delta(**fields: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": fields}])


ROLE = delta(role="assistant", content="")
END = event(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 3}) + b"data: [DONE]\n\n"
ANSWER = ROLE + delta(content="") + delta(content="né") + delta(content="!" * 3000) + END


@pytest.mark.parametrize("size", [1, 7, 40, len(ANSWER)])
def test_any_cut_gives_the_same(size: int) -> None:
    reader = AnswerReader()
    for start in range(0, len(ANSWER), size):
        reader.feed(ANSWER[start : start + size], start)
    first_words = ANSWER.index(b"n\\u00e9")
    assert reader.tokens == 3
    assert reader.first_words is not None
    assert reader.first_words <= first_words + len(delta(content="né"))
    assert reader.first_words + size > first_words


def test_a_role_is_no_word() -> None:
    reader = AnswerReader()
    reader.feed(ROLE + END, 1.0)
    assert reader.first_words is None
    assert reader.tokens == 3


@pytest.mark.parametrize("broken", [ANSWER[:-20], ROLE + b"data: [DONE]\n\n", ROLE + event(error={"message": "no"})])
def test_a_broken_answer_is_none(broken: bytes) -> None:
    reader = AnswerReader()
    reader.feed(broken, 1.0)
    with pytest.raises(AnswerError):
        _ = reader.tokens
