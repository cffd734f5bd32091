"""Sessions and responses as clients change them: what is in force is what is echoed, and a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import RequestError
from server.realtime.config import (
    Config,
    Extensions,
    Facts,
    NamedTool,
    Retention,
    Tool,
    Transcription,
    begun,
)
from server.realtime.events import EventError
from server.realtime.hearing.formats import SoundFormat
from server.realtime.shown import fields_of
from server.realtime.turn_config import SemanticVad, ServerVad
from server.realtime.updates import for_response, updated
from tests.server.realtime.asking import FACTS, asked, response, shown

TALK = begun("realtime", "gpt-realtime", FACTS)
WRITE = begun("transcription", None, FACTS)
MUTE = replace(FACTS, voices=None)
DEAF = replace(FACTS, hears=False)

WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"where": {}}}}


def heard(**fields: Any) -> dict[str, Any]:
    return {"audio": {"input": fields}}


def spoken(**fields: Any) -> dict[str, Any]:
    return {"audio": {"output": fields}}


def refusal(config: Config, facts: Facts = FACTS, **fields: Any) -> tuple[str | None, str | None]:
    with pytest.raises(RequestError) as refused:
        asked(config, facts, **fields)
    return refused.value.param, refused.value.code


def test_a_session_begins_with_everything_said() -> None:
    told = shown(TALK)
    assert told["object"] == "realtime.session"
    assert (told["type"], told["id"], told["expires_at"]) == ("realtime", "sess_1", 1_800_000_000)
    assert (told["model"], told["output_modalities"]) == ("gpt-realtime", ["audio"])
    assert told["audio"] == {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": None,
            "transcription": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
                "idle_timeout_ms": None,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "default", "speed": 1.0},
    }
    assert told["ola"] == {"pacing": "realtime", "resume_interrupted": False, "tool_filler": None}


def test_a_transcription_begins_with_nothing_but_sound_that_comes_in() -> None:
    told = shown(begun("transcription", "gpt-4o-transcribe", FACTS))
    assert told["object"] == "realtime.transcription_session"
    assert told.keys() == {"object", "id", "type", "audio", "include", "expires_at"}
    assert told["audio"].keys() == {"input"}
    assert told["audio"]["input"]["transcription"]["model"] == "gpt-4o-transcribe"
    assert told["audio"]["input"]["turn_detection"]["create_response"] is False


def test_a_server_without_a_voice_begins_in_text() -> None:
    told = shown(begun("realtime", None, MUTE))
    assert (told["output_modalities"], told["audio"]["output"]["voice"]) == (["text"], None)
    assert told["model"] == "ola-demo"


def test_a_model_that_does_not_hear_waits_for_no_turns() -> None:
    assert shown(begun("realtime", None, DEAF))["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(("kind", "model"), [("realtime", "other"), ("transcription", "gpt-realtime")])
def test_a_session_with_an_unknown_model_does_not_begin(kind: Any, model: str) -> None:
    with pytest.raises(RequestError) as refused:
        begun(kind, model, FACTS)
    assert (refused.value.status, refused.value.param) == (404, "model")


def test_what_stock_clients_send_first_is_taken() -> None:
    agents = asked(
        TALK,
        model="gpt-realtime",
        instructions="Be brief.",
        output_modalities=["audio"],
        tracing="auto",
        tools=[WEATHER],
        tool_choice="auto",
        audio={
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad"},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin", "speed": 1},
        },
    )
    assert agents.turn_detection == SemanticVad()
    assert agents.transcription == Transcription("gpt-4o-mini-transcribe")
    assert agents.tools == (Tool("weather", None, WEATHER["parameters"]),)  # type: ignore[arg-type]
    told = shown(agents)
    assert told["audio"]["input"]["turn_detection"]["eagerness"] == "auto"
    assert told["audio"]["input"]["noise_reduction"] is told["tracing"] is None


CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"instructions": ""}, {"instructions": ""}),
    ({"output_modalities": ["text"]}, {"modality": "text"}),
    ({"max_output_tokens": 4096}, {"max_output_tokens": 4096}),
    ({"max_output_tokens": "inf"}, {}),
    ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ({"tools": [{"type": "function", "name": "f", "description": "F."}]}, {"tools": (Tool("f", "F."),)}),
    (
        {"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "f"}},
        {"tools": (Tool("f"),), "tool_choice": NamedTool("f")},
    ),
    ({"tool_choice": "none"}, {"tool_choice": "none"}),
    ({"include": ["item.input_audio_transcription.logprobs"]}, {"logprobs": True}),
    ({"include": []}, {}),
    ({"truncation": "disabled"}, {"truncation": "disabled"}),
    ({"truncation": {"type": "retention_ratio", "retention_ratio": 0.8}}, {"truncation": Retention(0.8)}),
    (
        {
            "truncation": {
                "type": "retention_ratio",
                "retention_ratio": 1,
                "token_limits": {"post_instructions": 5000},
            }
        },
        {"truncation": Retention(1, 5000)},
    ),
    (heard(turn_detection=None), {"turn_detection": None}),
    (heard(turn_detection={"type": "server_vad"}), {}),
    (
        heard(turn_detection={"type": "server_vad", "threshold": 0, "idle_timeout_ms": 5000, "create_response": False}),
        {"turn_detection": ServerVad(threshold=0, idle_timeout_ms=5000, create_response=False)},
    ),
    (
        heard(turn_detection={"type": "semantic_vad", "eagerness": "low", "interrupt_response": False}),
        {"turn_detection": SemanticVad("low", interrupt_response=False)},
    ),
    (heard(transcription={}), {"transcription": Transcription()}),
    (
        heard(transcription={"model": "whisper-1", "language": "en", "prompt": "Ola", "delay": "low"}),
        {"transcription": Transcription("whisper-1", "en", "Ola")},
    ),
    (
        heard(transcription={"keywords": ["Oryx", "Ola"], "languages": ["de"]}),
        {"transcription": Transcription(None, "de", keywords=("Oryx", "Ola"))},
    ),
    (heard(noise_reduction={"type": "far_field"}), {}),
    (heard(format={"type": "audio/pcm", "rate": 16000}), {"input_format": SoundFormat(rate=16000)}),
    (heard(format={"type": "audio/pcmu"}), {"input_format": SoundFormat("audio/pcmu", 8000)}),
    (spoken(format={"type": "audio/pcma"}), {"output_format": SoundFormat("audio/pcma", 8000)}),
    (spoken(voice="marin", speed=1.5), {"voice": "marin", "speed": 1.5}),
    (spoken(voice={"id": "anna"}), {"voice": "anna"}),
    ({"tracing": {"workflow_name": "w"}, "prompt": None, "reasoning": None}, {}),
    ({"model": "ola-demo"}, {"model": "ola-demo"}),
    ({"ola": {"pacing": "none", "resume_interrupted": True}}, {"extensions": Extensions("none", True)}),
    ({"ola": {"tool_filler": "One moment."}}, {"extensions": Extensions(tool_filler="One moment.")}),
]


@pytest.mark.parametrize(("fields", "changed"), CHANGES)
def test_what_is_said_changes_and_nothing_else(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    after = asked(TALK, **fields)
    assert after == replace(TALK, **changed)
    shown(after)


@pytest.mark.parametrize(
    ("fields", "language"),
    [
        ({"languages": ["de"]}, "de"),
        ({"languages": []}, None),
        ({"languages": None}, None),
        ({"language": "de"}, "de"),
        ({"language": None}, None),
        ({"language": None, "languages": ["de"]}, "de"),
        ({"prompt": "Ola"}, "en"),
    ],
)
def test_a_language_is_replaced_by_either_name(fields: dict[str, Any], language: str | None) -> None:
    for first in ({"language": "en"}, {"languages": ["en"]}):
        after = asked(asked(TALK, **heard(transcription=first)), **heard(transcription=fields))
        assert after.transcription is not None
        assert after.transcription.language == language


def test_keywords_become_a_hint() -> None:
    assert Transcription().hint == ""
    assert Transcription(prompt="A talk.", keywords=("Oryx", "Ola")).hint == "A talk.\nWords that may occur: Oryx, Ola."


def test_objects_go_on_but_others_take_their_place() -> None:
    vad = asked(TALK, **heard(turn_detection={"type": "server_vad", "threshold": 0.8}))
    on = asked(vad, **heard(turn_detection={"type": "server_vad", "silence_duration_ms": 200}))
    assert on.turn_detection == ServerVad(threshold=0.8, silence_duration_ms=200)
    other = asked(on, **heard(turn_detection={"type": "semantic_vad"}))
    assert asked(other, **heard(turn_detection={"type": "server_vad"})).turn_detection == ServerVad()
    words = asked(TALK, **heard(transcription={"model": "whisper-1"}))
    assert asked(words, **heard(transcription={"language": "en"})).transcription == Transcription("whisper-1", "en")


def test_null_is_the_default() -> None:
    changed = asked(
        TALK,
        instructions="Hm.",
        tools=[WEATHER],
        max_output_tokens=5,
        truncation="disabled",
        parallel_tool_calls=False,
        output_modalities=["text"],
        ola={"pacing": "none"},
        **spoken(voice="marin", speed=0.5),
    )
    nulls = dict.fromkeys(("instructions", "tools", "max_output_tokens", "truncation", "parallel_tool_calls", "ola"))
    fields: dict[str, Any] = {**nulls, "output_modalities": None, **spoken(voice=None, speed=None)}
    assert asked(changed, **fields) == TALK


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"model": "other"}, "model", "model_not_found"),
    ({"output_modalities": ["text", "audio"]}, "output_modalities", "invalid_value"),
    ({"output_modalities": []}, "output_modalities", "invalid_value"),
    ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
    ({"max_output_tokens": 4097}, "max_output_tokens", "invalid_value"),
    ({"tools": [WEATHER, WEATHER]}, "tools", "invalid_value"),
    ({"tools": [{"type": "function"}]}, "tools[0].name", "invalid_value"),
    ({"tools": [{"type": "function", "name": "a b"}]}, "tools[0].name", "invalid_value"),
    ({"tools": [{"name": "f"}]}, "tools[0].type", "unsupported_parameter"),
    ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools[0].parameters", "invalid_value"),
    ({"tools": [{"type": "mcp", "server_label": "a"}]}, "tools[0].type", "unsupported_parameter"),
    ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice.name", "invalid_value"),
    ({"tool_choice": {"type": "mcp", "server_label": "a"}}, "tool_choice", "unsupported_parameter"),
    ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
    ({"reasoning": {"effort": "low"}}, "reasoning", "unsupported_parameter"),
    (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 1.1}},
        "truncation.retention_ratio",
        "invalid_value",
    ),
    (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 1, "token_limits": {"post_instructions": 0}}},
        "truncation.token_limits.post_instructions",
        "invalid_value",
    ),
    (spoken(voice="bob"), "audio.output.voice", "unknown_voice"),
    (spoken(voice={"id": "bob"}), "audio.output.voice", "unknown_voice"),
    (spoken(speed=0.2), "audio.output.speed", "invalid_value"),
    (spoken(speed=1.6), "audio.output.speed", "invalid_value"),
    (heard(transcription={"model": "other"}), "audio.input.transcription.model", "model_not_found"),
    (heard(transcription={"language": "English"}), "audio.input.transcription.language", "invalid_value"),
    (heard(transcription={"languages": ["en", "de"]}), "audio.input.transcription.languages", "unsupported_parameter"),
    (
        heard(transcription={"language": "en", "languages": ["de"]}),
        "audio.input.transcription.languages",
        "unsupported_parameter",
    ),
    (heard(transcription={"prompt": "a" * 4001}), "audio.input.transcription.prompt", "invalid_value"),
    *(
        (
            heard(turn_detection={"type": "server_vad", name: value}),
            f"audio.input.turn_detection.{name}",
            "invalid_value",
        )
        for name, value in (
            ("threshold", 1.01),
            ("threshold", -0.1),
            ("prefix_padding_ms", -1),
            ("silence_duration_ms", 30_001),
            ("idle_timeout_ms", 4_999),
            ("idle_timeout_ms", 30_001),
        )
    ),
]


@pytest.mark.parametrize(("fields", "param", "code"), REFUSED)
def test_what_cannot_be_done_is_refused_by_name(fields: dict[str, Any], param: str, code: str) -> None:
    assert refusal(TALK, **fields) == (f"session.{param}", code)


def test_a_session_keeps_its_kind_and_its_model() -> None:
    with pytest.raises(RequestError) as refused:
        updated(TALK, {"type": "transcription"}, FACTS)
    assert refused.value.param == "session.type"
    assert refusal(TALK, model="ola") == ("session.model", "cannot_update_model")
    assert refusal(replace(TALK, model="ola"), model="gpt-realtime") == ("session.model", "cannot_update_model")


def test_the_voice_stays_once_it_was_heard_and_the_speed_while_it_is() -> None:
    voice, speed = {"type": "realtime", **spoken(voice="marin")}, {"type": "realtime", **spoken(speed=1.2)}
    assert updated(TALK, voice, FACTS, responding=True).voice == "marin"
    assert updated(TALK, speed, FACTS, has_spoken=True).speed == 1.2
    with pytest.raises(RequestError) as refused:
        updated(TALK, voice, FACTS, has_spoken=True)
    assert (refused.value.param, refused.value.code) == ("session.audio.output.voice", "cannot_update_voice")
    with pytest.raises(RequestError) as refused:
        updated(TALK, speed, FACTS, responding=True)
    assert refused.value.param == "session.audio.output.speed"
    assert updated(TALK, {"type": "realtime", **spoken(voice="default")}, FACTS, has_spoken=True) == TALK


def test_a_server_that_cannot_speak_or_hear_says_so() -> None:
    mute, deaf = begun("realtime", None, MUTE), begun("realtime", None, DEAF)
    assert refusal(mute, MUTE, output_modalities=["audio"]) == ("session.output_modalities", "no_voice")
    assert refusal(mute, MUTE, **spoken(voice="marin")) == ("session.audio.output.voice", "no_voice")
    for name, value in (("turn_detection", {"type": "server_vad"}), ("transcription", {"model": "whisper-1"})):
        assert refusal(deaf, DEAF, **heard(**{name: value})) == (f"session.audio.input.{name}", "unsupported_modality")
    assert asked(deaf, DEAF, **heard(turn_detection=None)) == deaf


def test_transcriptions_never_answer() -> None:
    after = asked(WRITE, **heard(turn_detection={"type": "server_vad", "create_response": True}))
    assert after == WRITE
    param = "session.audio.input.turn_detection.idle_timeout_ms"
    idle = heard(turn_detection={"type": "server_vad", "idle_timeout_ms": 6000})
    assert refusal(WRITE, **idle) == (param, "unsupported_parameter")
    assert refusal(WRITE, **heard(transcription=None))[0] == "session.audio.input.transcription"
    with pytest.raises(RequestError):
        for_response(WRITE, {}, FACTS)


def test_a_response_is_the_session_and_what_it_says_otherwise() -> None:
    session = asked(TALK, tools=[WEATHER], **spoken(voice="marin"))
    plain = for_response(session, response(), FACTS)
    assert plain.config == session
    assert (plain.in_conversation, plain.input, plain.metadata) == (True, None, None)
    own = for_response(
        session,
        response(
            conversation="none",
            input=[],
            metadata={"topic": "tea"},
            instructions="Shout.",
            tools=[],
            max_output_tokens=7,
            output_modalities=["text"],
            tool_choice=None,
            audio={"output": {"format": {"type": "audio/pcmu"}}},
        ),
        FACTS,
    )
    assert own.config == replace(
        session,
        instructions="Shout.",
        tools=(),
        max_output_tokens=7,
        modality="text",
        output_format=SoundFormat("audio/pcmu", 8000),
    )
    assert (own.in_conversation, own.input, own.metadata) == (False, (), {"topic": "tea"})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"conversation": "conv_1"}, "response.conversation"),
        ({"metadata": dict.fromkeys(map(str, range(17)), "")}, "response.metadata"),
        ({"metadata": {"a" * 65: ""}}, "response.metadata"),
        ({"metadata": {"a": "a" * 513}}, "response.metadata"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "response.tool_choice.name"),
        ({"audio": {"output": {"voice": "bob"}}}, "response.audio.output.voice"),
        ({"audio": {"output": {"voice": "marin"}}}, "response.audio.output.voice"),
        ({"reasoning": {"effort": "low"}}, "response.reasoning"),
        ({"max_output_tokens": 0}, "response.max_output_tokens"),
    ],
)
def test_a_response_that_cannot_be_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        for_response(TALK, response(**fields), FACTS, has_spoken=True)
    assert refused.value.param == param


UPDATES = [fields for fields, _ in CHANGES] + [fields for fields, _, _ in REFUSED]


@settings(deadline=None)
@given(st.lists(st.sampled_from(UPDATES), max_size=8))
def test_an_echo_changes_nothing_and_so_does_a_refusal(updates: list[dict[str, Any]]) -> None:
    config = TALK
    for fields in updates:
        before, told = config, shown(config)
        try:
            config = asked(config, **fields)
        except RequestError:
            assert shown(before) == told
        assert asked(config, **fields_of(config)) == config
        assert asked(TALK, **fields_of(config)) == config


ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    0.5,
    10**30,
    "",
    "auto",
    "x",
    [],
    ["text"],
    {},
    {"type": "function"},
    {"id": "marin"},
]


def with_odd(value: Any, steps: list[int], odd: Any) -> Any:
    """The value with something else in one place inside, or instead of it."""
    if not steps or not isinstance(value, dict) or not value:
        return odd
    name = sorted(value)[steps[0] % len(value)]
    return value | {name: with_odd(value[name], steps[1:], odd)}


def param_of(call: Callable[[], object]) -> str | None:
    """What a refusal names; None where there is none, or where the event as such was no event."""
    try:
        call()
    except EventError:
        return None
    except RequestError as error:
        return error.param or ""
    return None


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(UPDATES), st.lists(st.integers(0, 9), min_size=1, max_size=5), st.sampled_from(ODD))
def test_nothing_but_sessions_and_refusals_comes_of_anything(
    fields: dict[str, Any], steps: list[int], odd: object
) -> None:
    session, own = with_odd(fields_of(TALK) | fields, steps, odd), with_odd(fields, steps, odd)
    param = param_of(lambda: shown(asked(TALK, **session)))
    assert param is None or param.startswith("session.")
    param = param_of(lambda: for_response(TALK, response(**own), FACTS))
    assert param is None or param.startswith("response.")
