"""What an operator may set by `OLA_...` variables. The only module that reads the environment."""

from __future__ import annotations

import json
import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Voice = Literal["espeak", "remote", "cosyvoice", "workers", "none"]
_AUTHORITY = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
_BOOLEANS: dict[object, Voice] = {
    **dict.fromkeys((True, "true", "1", "yes", "on"), "espeak"),
    **dict.fromkeys((False, "false", "0", "no", "off"), "none"),
}


def _voice(value: object) -> object:
    """Before there were several, a voice was on or off."""
    value = value.strip().lower() if isinstance(value, str) else value
    return _BOOLEANS.get(value, value) if isinstance(value, bool | str) else value


def _names(value: object) -> object:
    """Names with commas between them."""
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _origins(value: object) -> object:
    """As browsers write them: in lower case, without a path."""
    names = _names(value)
    if not isinstance(names, tuple):
        return names
    origins = tuple(name.lower().rstrip("/") for name in names)
    for origin in origins:
        scheme, separator, rest = origin.partition("://")
        if origin != "*" and not (scheme and separator and rest and "/" not in rest):
            raise ValueError(f"{origin!r} is no origin; write scheme://host or scheme://host:port, or * for any")
    return origins


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _hosts(value: object) -> object:
    """Yes, no, or hosts with commas between them."""
    plain = value.strip().lower() if isinstance(value, str) else value
    if plain in ("true", "1", "yes", "on", "false", "0", "no", "off", "") or not isinstance(plain, str):
        return plain or False
    hosts = tuple(host.strip() for host in plain.split(",") if host.strip())
    for host in hosts:
        if not _AUTHORITY.fullmatch(host):
            raise ValueError(f"{host!r} is no host; hosts are written as name, name:port or [IPv6]:port")
    return hosts


def _url(value: object) -> object:
    """Of a collector; empty as if it were not set."""
    if isinstance(value, str) and value and not value.startswith(("http://", "https://")):
        raise ValueError(f"{value!r} is no address of a collector; write http://HOST:4318")
    return value or None


def _object(value: object) -> object:
    """JSON, as an error of the field if it is none."""
    return json.loads(value) if isinstance(value, str) else value


def _data_folder() -> Path:
    """Where programs keep what belongs to their user (XDG Base Directory Specification)."""
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".local" / "share"
    except RuntimeError:  # a user without a home, as in some containers
        return Path("/var/lib")


class Settings(BaseSettings):
    """The gateway's settings. The engine's own options are vLLM's and stay on the command line."""

    model_config = SettingsConfigDict(env_prefix="OLA_", extra="ignore", populate_by_name=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Local by default: one that others can reach needs OLA_KEYS.",
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 8000 is what OpenAI-style clients try."
    )
    keys: str | None = Field(
        default=None,
        description="Who may use the server: a file of keys, `redis`, or `none` for everybody who can reach it.",
    )
    origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = Field(
        default=(),
        description="Web pages that may use the server from a browser, such as https://app.example; `*` for any.",
    )
    max_requests: int = Field(
        default=256,
        ge=1,
        description="Requests and WebSocket sessions at a time; one more is refused at once (503). Bounds memory.",
    )
    voice: Annotated[Voice, BeforeValidator(_voice)] = Field(
        default="espeak",
        description="Who speaks: espeak, remote, cosyvoice, workers or none. Without a voice, audio answers are "
        "refused. `true` is espeak, `false` is none.",
    )
    voice_slots: int = Field(
        default=4,
        ge=1,
        description="Units that `remote` or `cosyvoice` speaks at a time. About its knee, which is at 4 to 8 on a GPU: "
        "more only wait there.",
    )
    redis_url: str | None = Field(
        default=None,
        description="Redis that the processes of a deployment share. Recorded voices and audio ids are kept there.",
    )
    voices_folder: Path = Field(
        default_factory=lambda: _data_folder() / "ola" / "voices",
        description="Where recorded voices are kept without Redis. Made when the first one is added.",
    )
    remote_voice_url: str | None = Field(
        default=None, description="Address of the speech server of the voice `remote`, as OpenAI's SDKs would get it."
    )
    remote_voice_model: str | None = Field(
        default=None, description="What the speech server calls its model. Left out, it chooses."
    )
    remote_voice_names: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        default=("alloy",),
        description="The speech server's voices, with commas between them. The first is also `default`.",
    )
    remote_voice_key: SecretStr | None = Field(
        default=None, description="The speech server's key. Sent as a bearer token, never logged."
    )
    remote_voice_sample_rate: int = Field(
        default=24_000, ge=8_000, le=192_000, description="Hz of the speech server's `pcm`, which does not say it."
    )
    remote_voice_fields: Annotated[dict[str, Any], NoDecode, BeforeValidator(_object)] = Field(
        default_factory=dict, description="JSON object of more fields for the speech server, such as `instructions`."
    )
    remote_voice_imitates: bool = Field(
        default=False,
        description="Whether the speech server imitates `ref_audio`, as vLLM-Omni does. Others ignore it silently.",
    )
    cosyvoice_model: str | None = Field(
        default=None, description="Folder or hub id of the model of the voice `cosyvoice`."
    )
    cosyvoice_home: Path | None = Field(
        default=None,
        description="Folder with CosyVoice's own code, which is no package. Left out, it must be importable.",
    )
    fetch_urls: Annotated[bool | tuple[str, ...], NoDecode, BeforeValidator(_hosts)] = Field(
        default=False,
        description="Whether attachments may be URLs. Off: a server that fetches is a door into its network. "
        "`true`: https at public addresses. Hosts with commas between: those alone, also inner ones, also by http.",
    )
    max_attachments: int = Field(
        default=32,
        ge=0,
        description="Attachments in one request. Each is decoded in memory, so their number needs an end.",
    )
    max_attachment_bytes: int = Field(
        default=2 * 2**30,
        ge=1,
        description="Size of a request's attachments as sent, one or all together. They lie on disk: an hour of video "
        "by URL fits; what is in the body has the body's limit.",
    )
    max_body_bytes: int = Field(
        default=256 * 2**20,
        ge=1,
        description="Size of a request body, checked while reading. Base64 makes attachments a third larger.",
    )
    audio_ttl_seconds: float = Field(
        default=3600,
        gt=0,
        description="How long a spoken answer can be named by its audio id. Only its transcript is kept.",
    )
    max_first_sound_seconds: float = Field(
        default=3.0,
        ge=0,
        description="Predicted wait for the first sound above which a spoken answer is refused (429). "
        "Longer than this, people think that nothing happens.",
    )
    look_ahead_seconds: float = Field(
        default=20.0,
        gt=0,
        description="Sound that is made ahead of a listener who does not take it. Bounds an answer's memory.",
    )
    voice_patience_seconds: float = Field(
        default=5.0,
        gt=0,
        description="How long a voice may be silent inside a unit before it is spoken elsewhere. "
        "Above what a slow voice needs to its first sound.",
    )

    log_format: Literal["text", "json"] = Field(
        default="text", description="Of log lines: text for people, or one JSON object a line for machines."
    )
    otlp_endpoint: Annotated[str | None, BeforeValidator(_url)] = Field(
        default=None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",  # OpenTelemetry's own name
        description="OTLP/HTTP collector that traces are sent to. Unset, none are made.",
    )
    shutdown_seconds: float = Field(
        default=20.0,
        ge=0,
        description="How long answers may go on after the server was told to stop. With what the engine needs to end, "
        "it should fit into what the service manager grants.",
    )
    notice_seconds: float = Field(
        default=0.0,
        ge=0,
        description="How much of that the server still takes new connections, while /ready says 503. For load "
        "balancers that ask there: longer than they need to notice.",
    )

    @model_validator(mode="after")
    def _nobody_is_let_in_by_mistake(self) -> Settings:
        if self.keys is None and not _is_loopback(self.host):
            raise ValueError(
                f"OLA_HOST={self.host} can be reached from other machines: set OLA_KEYS to a file of keys or to redis "
                "(`ola keys create NAME` makes one), or to none to let everybody in"
            )
        if self.keys == "redis" and not self.redis_url:
            raise ValueError("OLA_KEYS=redis needs OLA_REDIS_URL")
        return self

    @model_validator(mode="after")
    def _notice_is_part_of_the_end(self) -> Settings:
        if self.notice_seconds > self.shutdown_seconds:
            raise ValueError("OLA_NOTICE_SECONDS is part of OLA_SHUTDOWN_SECONDS, and cannot be longer")
        return self

    @model_validator(mode="after")
    def _voice_has_what_it_needs(self) -> Settings:
        needed = {
            "remote": ("remote_voice_url", self.remote_voice_url),
            "cosyvoice": ("cosyvoice_model", self.cosyvoice_model),
            "workers": ("redis_url", self.redis_url),
        }
        name, value = needed.get(self.voice, ("", "nothing"))
        if not value:
            raise ValueError(f"OLA_VOICE={self.voice} needs OLA_{name.upper()}")
        if self.voice == "remote" and not self.remote_voice_names and not self.remote_voice_imitates:
            raise ValueError("OLA_VOICE=remote needs OLA_REMOTE_VOICE_NAMES, or OLA_REMOTE_VOICE_IMITATES=true")
        return self


def variable(setting: str) -> str:
    """The environment variable of a setting: ours, or a standard's."""
    return str(Settings.model_fields[setting].validation_alias or f"OLA_{setting.upper()}")


def counts_together() -> bool:
    """Whether several processes count in files that any of them adds up: so prometheus_client is told when it is
    imported."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ
