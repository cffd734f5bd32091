"""Items in bytes are the same items afterwards."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.api import Image, Video
from server.realtime.durable.form import UnreadableItemError, pack, unpack
from server.realtime.items import (
    FunctionCall,
    FunctionCallOutput,
    Heard,
    Message,
    Seen,
    Spoken,
    Watched,
    Words,
)
from server.realtime.turn_sound import digest_of
from tts.timeline import Timeline

text = st.text(max_size=8)
"""Any characters, halves of them among these."""
statuses = st.sampled_from(["in_progress", "completed", "incomplete"])
sizes = st.integers(1, 3)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    timeline, at = Timeline(), 0
    for said in draw(st.lists(text, max_size=3)):
        length = draw(st.integers(0, 50_000))
        timeline.begin(said, at, length)
        at += length
    return timeline


@st.composite
def videos(draw: st.DrawFn) -> Video:
    shape = (draw(sizes), draw(sizes), draw(sizes), 3)
    shown = draw(arrays(np.uint8, shape))
    sampled = draw(st.lists(st.integers(0, len(shown) - 1), min_size=1, max_size=6))
    return Video(shown[sampled], draw(text))


images = st.builds(Image, arrays(np.uint8, st.tuples(sizes, sizes, st.just(3))), text)
samples = arrays(np.int16, st.integers(0, 20))
parts = st.one_of(
    st.builds(Words, text),
    st.builds(Heard, samples, st.none() | text),
    st.builds(Seen, text.map("data:image/png;base64,{}".format)),
    st.builds(Seen, text.map("https://{}".format), st.none() | images, st.sampled_from(["auto", "low", "high"])),
    st.builds(Watched, videos(), st.integers(0, 99)),
    st.builds(Spoken, text, timelines(), st.integers(0, 10**9), st.booleans()),
)
items = st.one_of(
    st.builds(
        Message,
        text,
        st.sampled_from(["system", "user", "assistant"]),
        st.lists(parts, max_size=4).map(tuple),
        statuses,
    ),
    st.builds(FunctionCall, text, text, text, text, statuses),
    st.builds(FunctionCallOutput, text, text, text, statuses),
)


def plain(value: Any) -> Any:
    """What can be compared, with its kinds."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, Timeline):
        return [(span.text, span.start, span.end) for span in value.spans]
    if isinstance(value, tuple):
        return tuple(plain(each) for each in value)
    if is_dataclass(value):
        return type(value), {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return value


@given(items)
def test_every_item_comes_back(item: Any) -> None:
    assert plain(unpack(pack(item))) == plain(item)


def test_a_picture_that_came_whole_is_kept_as_it_came() -> None:
    image = Image(np.zeros((100, 100, 3), np.uint8), "digest")
    message = Message("item_1", "user", (Seen("data:image/png;base64,AAAA", image),))
    data = pack(message)
    assert len(data) < 300
    back = unpack(data)
    assert isinstance(back, Message)
    assert plain(back.content) == plain((Seen("data:image/png;base64,AAAA"),))


def test_frames_that_are_alike_are_kept_once() -> None:
    frames = np.repeat(np.arange(2, dtype=np.uint8), 32).repeat(30 * 30 * 3).reshape(64, 30, 30, 3)
    data = pack(Message("item_1", "user", (Watched(Video(frames, "digest"), 2),)))
    assert len(data) < 3 * 30 * 30 * 3


def test_sound_has_the_digest_that_it_had() -> None:
    sound = np.arange(1000, dtype=np.int16)
    back = unpack(pack(Message("item_1", "user", (Heard(sound),))))
    assert isinstance(back, Message)
    assert isinstance(heard := back.content[0], Heard)
    assert heard.digest == digest_of(heard.samples) == digest_of(sound)


@given(items, st.data())
def test_damaged_bytes_are_an_error_of_their_own(item: Any, data: st.DataObject) -> None:
    whole = pack(item)
    with pytest.raises(UnreadableItemError):
        unpack(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize("header", [b"{}", b"[]", b'{"form":2,"kind":"Message"}', b'{"form":1,"kind":"Nothing"}'])
def test_so_are_those_of_another_version(header: bytes) -> None:
    with pytest.raises(UnreadableItemError):
        unpack(len(header).to_bytes(4, "big") + header)
