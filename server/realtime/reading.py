"""A session's fields read into a `Config`: what they may say and what each is when it says nothing. No I/O."""

from __future__ import annotations

import re
from typing import Any

from server.audio.transcription_form import LANGUAGES
from server.errors import RequestError
from server.realtime.config import (
    INSTRUCTIONS,
    Config,
    Extensions,
    Facts,
    Json,
    Kind,
    Modality,
    NamedTool,
    Retention,
    Tool,
    Transcription,
    Truncation,
    default_detection,
)
from server.realtime.hearing.formats import SoundFormat
from server.realtime.turn_config import SemanticVad, ServerVad, TurnConfig
from tts.voice import WIRE_RATE

MAX_OUTPUT_TOKENS = 4096
"""As at OpenAI."""
_SPEEDS = 0.25, 1.5
_IDLE_MS = 5_000, 30_000
"""As at OpenAI."""
_MAX_MS = 30_000
"""Of padding and of silence: what the model hears in one pass."""
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TELEPHONE_RATE = 8_000
_MAX_HINT = 4_000
"""Characters, as of a transcription's prompt elsewhere."""


def config_of(session: Json, facts: Facts, where: str) -> Config:
    """A session with all its fields, of which null says nothing. `where` is what its client calls it.

    Raises:
        RequestError: something of it cannot be done.
    """
    audio = session.get("audio") or {}
    heard, kind = audio.get("input") or {}, session["type"]
    common: dict[str, Any] = {
        "kind": kind,
        "input_format": _format(heard.get("format"), f"{where}.audio.input.format"),
        "turn_detection": _detection(heard, kind, facts, f"{where}.audio.input.turn_detection"),
        "transcription": _transcription(heard.get("transcription"), facts, f"{where}.audio.input.transcription"),
        "logprobs": bool(session.get("include")),
    }
    if kind == "transcription":
        if common["transcription"] is None:
            raise invalid(f"{where}.audio.input.transcription", "a transcription session cannot be without it")
        voice = None if facts.voices is None else facts.voice
        return Config(model=facts.models[0], modality="audio" if voice else "text", voice=voice, **common)
    return Config(**common, **_answering(session, audio.get("output") or {}, facts, where))


def _answering(session: Json, spoken: Json, facts: Facts, where: str) -> dict[str, Any]:
    """The fields of `Config` that are about answers."""
    for name, what in (("prompt", "prompts are not kept here"), ("reasoning", "the model does not reason")):
        if session.get(name) is not None:
            raise unsupported(f"{where}.{name}", what)
    model, tools = session.get("model") or facts.models[0], _tools(session.get("tools") or [], f"{where}.tools")
    facts.served(model, f"{where}.model")
    instructions, parallel = session.get("instructions"), session.get("parallel_tool_calls")
    return {
        "model": model,
        "modality": _modality(session.get("output_modalities"), facts, f"{where}.output_modalities"),
        "voice": _voice(spoken.get("voice"), facts, f"{where}.audio.output.voice"),
        "instructions": INSTRUCTIONS if instructions is None else instructions,
        "output_format": _format(spoken.get("format"), f"{where}.audio.output.format"),
        "speed": _within(_SPEEDS, spoken.get("speed"), 1.0, f"{where}.audio.output.speed"),
        "tools": tools,
        "tool_choice": _choice(session.get("tool_choice") or "auto", tools, f"{where}.tool_choice"),
        "parallel_tool_calls": True if parallel is None else parallel,
        "max_output_tokens": _most_tokens(session.get("max_output_tokens"), f"{where}.max_output_tokens"),
        "truncation": _truncation(session.get("truncation") or "auto", f"{where}.truncation"),
        "extensions": Extensions(**_given(session.get("ola") or {})),
    }


def _format(given: Json | None, where: str) -> SoundFormat:
    given = _given(given or {})
    coding = given.get("type", "audio/pcm")
    return SoundFormat(coding, given.get("rate", WIRE_RATE) if coding == "audio/pcm" else _TELEPHONE_RATE)


def _detection(heard: Json, kind: Kind, facts: Facts, where: str) -> TurnConfig | None:
    given = heard.get("turn_detection", default_detection(kind) if facts.hears else None)
    if given is None or isinstance(given, ServerVad):
        return given
    if not facts.hears:
        raise unsupported(where, "this model does not hear", "unsupported_modality")
    fields = _given(given)
    kind_of_detection = fields.pop("type")
    if kind == "transcription":  # nothing is answered there, whatever is asked
        fields |= {"create_response": False, "interrupt_response": False}
    if kind_of_detection == "semantic_vad":
        return SemanticVad(**fields)
    detection = ServerVad(**fields)
    _within((0, 1), detection.threshold, 0, f"{where}.threshold")
    _within((0, _MAX_MS), detection.prefix_padding_ms, 0, f"{where}.prefix_padding_ms")
    _within((0, _MAX_MS), detection.silence_duration_ms, 0, f"{where}.silence_duration_ms")
    _within(_IDLE_MS, detection.idle_timeout_ms, _IDLE_MS[0], f"{where}.idle_timeout_ms")
    if kind == "transcription" and detection.idle_timeout_ms is not None:
        raise unsupported(f"{where}.idle_timeout_ms", "a transcription session gives no responses")
    return detection


def _transcription(given: Json | None, facts: Facts, where: str) -> Transcription | None:
    if given is None:
        return None
    if not facts.hears:
        raise unsupported(where, "this model does not hear", "unsupported_modality")
    model, language = given.get("model"), _language(given, where)
    if model is not None:
        facts.transcriber(model, f"{where}.model")
    made = Transcription(model, language, given.get("prompt") or "", tuple(given.get("keywords") or ()))
    if len(made.hint) > _MAX_HINT:
        raise invalid(f"{where}.prompt", f"prompt and keywords have at most {_MAX_HINT} characters")
    return made


def _language(given: Json, where: str) -> str | None:
    """The one that is spoken. `languages` is taken while it names no more than one: the model is told one or none."""
    language, several = given.get("language"), given.get("languages") or []
    if len({*several, *([language] if language else [])}) > 1:
        raise unsupported(f"{where}.languages", "the model listens for one language, or for any if none is named")
    code = language or (several[0] if several else None)
    if code is not None and (re.fullmatch("[a-z]{2,3}", code) is None or code not in LANGUAGES):
        raise invalid(f"{where}.language", "must be an ISO 639-1 code, such as 'en'")
    return code


def _modality(given: list[Modality] | None, facts: Facts, where: str) -> Modality:
    if given is None:
        return "text" if facts.voices is None else "audio"
    if len(given) != 1:
        raise invalid(where, 'must be ["audio"] or ["text"]; the words of spoken answers are always told')
    if given[0] == "audio" and facts.voices is None:
        raise unsupported(where, "this server has no voice", "no_voice")
    return given[0]


def _voice(given: str | Json | None, facts: Facts, where: str) -> str | None:
    name = given["id"] if isinstance(given, dict) else given
    if facts.voices is None:
        if name is not None:
            raise unsupported(where, "this server has no voice", "no_voice")
        return None
    if name is not None and name not in facts.voices:
        raise RequestError(f"{where}: there is no voice {name[:64]!r}.", param=where, code="unknown_voice")
    return name or facts.voice


def _tools(given: list[Json], where: str) -> tuple[Tool, ...]:
    tools = tuple(_tool(tool, f"{where}[{place}]") for place, tool in enumerate(given))
    if len({tool.name for tool in tools}) < len(tools):
        raise invalid(where, "two functions have the same name")
    return tools


def _tool(given: Json, where: str) -> Tool:
    if given.get("type") != "function":
        raise unsupported(f"{where}.type", "only tools of type 'function' are served")
    name, parameters = given.get("name"), given.get("parameters")
    if name is None or _TOOL_NAME.fullmatch(name) is None:
        raise invalid(f"{where}.name", "must be 1 to 64 of the letters a-z and A-Z, digits, _ and -")
    if parameters is not None and not isinstance(parameters, dict):
        raise invalid(f"{where}.parameters", "must be a JSON schema, an object")
    return Tool(name, given.get("description"), parameters)


def _choice(given: Any, tools: tuple[Tool, ...], where: str) -> Any:
    if given == "required" and not tools:
        raise invalid(where, "there is no tool to call")
    if isinstance(given, str):
        return given
    if given["type"] != "function":
        raise unsupported(where, "only tools of type 'function' are served")
    if all(tool.name != given["name"] for tool in tools):
        raise invalid(f"{where}.name", f"there is no function {given['name'][:64]!r} among the tools")
    return NamedTool(given["name"])


def _most_tokens(given: int | str | None, where: str) -> int | None:
    if isinstance(given, int) and not 1 <= given <= MAX_OUTPUT_TOKENS:
        raise invalid(where, f"must be 'inf' or a number from 1 to {MAX_OUTPUT_TOKENS}")
    return given if isinstance(given, int) else None


def _truncation(given: Any, where: str) -> Truncation:
    if isinstance(given, str):
        return "disabled" if given == "disabled" else "auto"
    most = (given.get("token_limits") or {}).get("post_instructions")
    if most is not None and most < 1:
        raise invalid(f"{where}.token_limits.post_instructions", "must be at least 1")
    return Retention(_within((0, 1), given["retention_ratio"], 1, f"{where}.retention_ratio"), most)


def _within(limits: tuple[float, float], given: float | None, default: float, where: str) -> float:
    if given is not None and not limits[0] <= given <= limits[1]:
        raise invalid(where, f"must be from {limits[0]} to {limits[1]}")
    return default if given is None else given


def _given(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def invalid(param: str, why: str) -> RequestError:
    return RequestError(f"{param}: {why}.", param=param, code="invalid_value")


def unsupported(param: str, why: str, code: str = "unsupported_parameter") -> RequestError:
    return RequestError(f"{param}: {why}.", param=param, code=code)
