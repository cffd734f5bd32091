"""Client events by chance, right and wrong, for hypothesis."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.server.realtime.driver import wave
from tests.server.realtime.test_conversing import picture
from tests.server.realtime.test_tools import WEATHER

Json = dict[str, Any]

_TEXTS = st.text(max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)
_SOUND = b64encode(wave(0.05)).decode()

_PARTS = st.sampled_from(
    [
        {"type": "input_text", "text": "Hm."},
        {"type": "input_audio", "audio": _SOUND},
        {"type": "input_image", "image_url": picture()},
        {"type": "output_text", "text": "Yes."},
        {"type": "output_audio", "transcript": "Yes."},
    ]
)
_MESSAGES = st.builds(
    lambda role, content: {"type": "message", "role": role, "content": content},
    st.sampled_from(["user", "system", "assistant"]),
    st.lists(_PARTS, max_size=3),
)
_DETECTIONS = st.sampled_from(
    [
        None,
        {"type": "server_vad"},
        {"type": "server_vad", "threshold": 0.1, "idle_timeout_ms": 5000},
        {"type": "server_vad", "threshold": 7.0},
        {"type": "semantic_vad", "eagerness": "high", "create_response": False},
    ]
)
_FORMATS = st.sampled_from(
    [{"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcm", "rate": 16000}, {"type": "audio/pcmu"}, {"type": "x"}]
)
_CHANGES: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "instructions": _TEXTS,
        "tools": st.sampled_from([[], [WEATHER], [WEATHER, WEATHER]]),
        "tool_choice": st.sampled_from(["auto", "required", "none", {"type": "function", "name": "weather"}]),
        "max_output_tokens": st.sampled_from([1, 100, "inf", 0]),
        "output_modalities": st.sampled_from([["audio"], ["text"], ["audio", "text"], []]),
        "truncation": st.sampled_from(["auto", "disabled", {"type": "retention_ratio", "retention_ratio": 0.5}]),
    },
)


def valid_events(items: Sequence[str], responses: Sequence[str], calls: Sequence[str]) -> st.SearchStrategy[Json]:
    """Events of the right shape; of what they name some is there."""
    item_ids, response_ids = st.sampled_from([*items, "nobody"]), st.sampled_from([*responses, "nobody"])
    outputs = st.builds(
        lambda call_id: {"type": "function_call_output", "call_id": call_id, "output": "30"},
        st.sampled_from([*calls, "nobody"]),
    )
    own = {"type": "function_call", "name": "weather", "arguments": "{}", "call_id": "own"}
    given = _MESSAGES | outputs | st.just(own)
    references = item_ids.map(lambda item_id: {"type": "item_reference", "id": item_id})
    asked = st.fixed_dictionaries(
        {},
        optional={
            "conversation": st.sampled_from(["auto", "none"]),
            "input": st.lists(_MESSAGES | references, max_size=2),
            "metadata": st.just({"a": "b"}),
            "instructions": _TEXTS,
            "output_modalities": st.sampled_from([["audio"], ["text"]]),
        },
    )
    session = st.builds(
        lambda changes, detection, format: (
            {"type": "realtime", "audio": {"input": {"turn_detection": detection} | format}} | changes
        ),
        _CHANGES,
        _DETECTIONS,
        st.just({}) | _FORMATS.map(lambda format: {"format": format}),
    )
    return st.one_of(
        _event("session.update", session=session),
        _event("input_audio_buffer.append", audio=st.sampled_from([_SOUND, "", "AA==", "AAAA"])),
        _event("input_audio_buffer.commit"),
        _event("input_audio_buffer.clear"),
        _event("input_video_buffer.append", image_url=st.sampled_from([picture(), "data:image/png;base64,AAAA"])),
        _event("input_video_buffer.clear"),
        _event("output_audio_buffer.clear"),
        _event("conversation.item.create", item=given),
        _event("conversation.item.create", item=given, previous_item_id=item_ids | st.just("root")),
        _event("conversation.item.retrieve", item_id=item_ids),
        _event("conversation.item.delete", item_id=item_ids),
        _event(
            "conversation.item.truncate",
            item_id=item_ids,
            content_index=st.integers(-1, 1),
            audio_end_ms=st.integers(-1, 3000),
        ),
        _event("response.create"),
        _event("response.create", response=asked),
        _event("response.cancel"),
        _event("response.cancel", response_id=response_ids),
        _event("session.resume", session_id=st.just("sess_" + "0" * 24)),
    )


def _event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields}, optional={"event_id": st.just("mine")})


@st.composite
def wrong_events(draw: st.DrawFn, right: st.SearchStrategy[Json]) -> str | None:
    """Messages that are mostly no events."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.none() | _TEXTS | _JSON.map(json.dumps))
    event = json.loads(json.dumps(draw(right)))
    inside: Any = event
    while True:
        key = draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
        deeper = inside[key]
        if not deeper or not isinstance(deeper, dict | list) or draw(st.booleans()):
            break
        inside = deeper
    match draw(st.sampled_from(["other", "missing", "more"])):
        case "missing":
            del inside[key]
        case "more" if isinstance(inside, dict):
            inside[draw(_TEXTS)] = draw(_JSON)
        case _:
            inside[key] = draw(_JSON)
    return json.dumps(event)
