"""A session's config as clients are told, in the form in which `session.update` would take it. No I/O."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from server.realtime.config import Config, NamedTool, Retention, Tool, Transcription, Truncation
from server.realtime.hearing.formats import SoundFormat
from server.realtime.turn_config import ServerVad, TurnConfig

Json = dict[str, Any]

LOGPROBS = "item.input_audio_transcription.logprobs"


def fields_of(config: Config) -> Json:
    """The session's fields as `session.update` takes them, all of them."""
    fields = _conversation_fields(config) if config.kind == "realtime" else {"audio": {"input": _input_fields(config)}}
    return {"type": config.kind, **fields, "include": [LOGPROBS] if config.logprobs else None}


def as_json(config: Config, session_id: str, expires_at: int) -> Json:
    """The session as `session.created` and `session.updated` show it. `expires_at` is Unix time in seconds."""
    kind = "realtime.session" if config.kind == "realtime" else "realtime.transcription_session"
    return {"object": kind, "id": session_id, **fields_of(config), "expires_at": expires_at}


def format_json(format: SoundFormat) -> Json:
    return {"type": format.coding} | ({"rate": format.rate} if format.coding == "audio/pcm" else {})


def _conversation_fields(config: Config) -> Json:
    output = {"format": format_json(config.output_format), "voice": config.voice, "speed": config.speed}
    return {
        "model": config.model,
        "output_modalities": [config.modality],
        "instructions": config.instructions,
        "audio": {"input": _input_fields(config), "output": output},
        "tools": [_tool_json(tool) for tool in config.tools],
        "tool_choice": _choice_json(config.tool_choice),
        "parallel_tool_calls": config.parallel_tool_calls,
        "max_output_tokens": config.max_output_tokens or "inf",
        "truncation": _truncation_json(config.truncation),
        "tracing": None,
        "prompt": None,
        "reasoning": None,
        "ola": asdict(config.extensions),
    }


def _input_fields(config: Config) -> Json:
    return {
        "format": format_json(config.input_format),
        "noise_reduction": None,
        "transcription": _transcription_json(config.transcription),
        "turn_detection": _detection_json(config.turn_detection),
    }


def _detection_json(detection: TurnConfig | None) -> Json | None:
    if detection is None:
        return None
    return {"type": "server_vad" if isinstance(detection, ServerVad) else "semantic_vad"} | asdict(detection)


def _transcription_json(transcription: Transcription | None) -> Json | None:
    if transcription is None:
        return None
    return asdict(transcription) | {"keywords": list(transcription.keywords), "delay": None}


def _tool_json(tool: Tool) -> Json:
    told = {"description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "name": tool.name} | {name: value for name, value in told.items() if value is not None}


def _choice_json(choice: Literal["auto", "none", "required"] | NamedTool) -> str | Json:
    return {"type": "function", "name": choice.name} if isinstance(choice, NamedTool) else choice


def _truncation_json(truncation: Truncation) -> str | Json:
    if not isinstance(truncation, Retention):
        return truncation
    limits = {"post_instructions": truncation.most_tokens} if truncation.most_tokens else {}
    return {"type": "retention_ratio", "retention_ratio": truncation.ratio} | (
        {"token_limits": limits} if limits else {}
    )
