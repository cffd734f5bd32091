"""The input audio buffer against a plain array that forgets nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.realtime.hearing.input_buffer import MAX_SAMPLES, BufferFullError, InputBuffer, milliseconds

operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 700), st.just(0)),
        st.tuples(st.sampled_from(["sound", "take"]), st.integers(-50, 5000), st.integers(0, 2000)),
        st.tuples(st.just("forget"), st.integers(-50, 5000), st.just(0)),
        st.tuples(st.just("clear"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@given(operations)
def test_it_holds_what_was_appended_and_not_forgotten(steps: list[tuple[str, int, int]]) -> None:
    buffer, all_of_it, start = InputBuffer(), np.empty(0, np.int16), 0
    for name, value, more in steps:
        if name == "append":
            samples = np.arange(len(all_of_it), len(all_of_it) + value).astype(np.int16)
            buffer.append(samples)
            all_of_it = np.concatenate((all_of_it, samples))
        elif name in {"sound", "take"}:
            found = buffer.sound(value, value + more) if name == "sound" else buffer.take(value, value + more)
            assert np.array_equal(found, all_of_it[max(value, start, 0) : max(value + more, start)])
            start = max(start, min(value + more, len(all_of_it))) if name == "take" else start
        else:
            if name == "clear":
                buffer.clear()
            else:
                buffer.forget(value)
            start = max(start, min(value if name == "forget" else len(all_of_it), len(all_of_it)))
        assert (buffer.start, buffer.end) == (start, len(all_of_it))


def test_a_long_append_is_not_kept_for_its_end() -> None:
    buffer = InputBuffer()
    long = np.zeros(1_000_000, np.int16)
    buffer.append(long)
    buffer.forget(999_990)
    assert len(buffer.sound(0, 1_000_000)) == 10
    assert not any(np.shares_memory(piece, long) for piece in buffer._pieces)


def test_what_is_taken_is_a_copy() -> None:
    buffer, samples = InputBuffer(), np.zeros(10, np.int16)
    buffer.append(samples)
    buffer.sound(0, 10)[:] = 1
    assert not samples.any()


def test_more_than_the_model_hears_is_refused_and_nothing_of_it_kept() -> None:
    buffer = InputBuffer()
    buffer.append(np.zeros(MAX_SAMPLES - 1, np.int16))
    with pytest.raises(BufferFullError, match="750 s"):
        buffer.append(np.zeros(2, np.int16))
    assert buffer.end == MAX_SAMPLES - 1
    buffer.append(np.zeros(1, np.int16))
    buffer.clear()
    buffer.append(np.zeros(2, np.int16))
    assert milliseconds(buffer.end) == 750_000
