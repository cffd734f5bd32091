"""What a form with a recording asks: OpenAI's fields of transcriptions and translations, checked. Knows no model."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from babel import Locale
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from server.errors import RequestError

LISTENING_MODELS = re.compile(r"whisper-1|gpt-(4o-(mini-)?)?transcribe(-[\d-]+)?")
"""OpenAI's, which programs name that were written for it; the served model listens."""

_MAX_HINT = 4000
"""Characters of `prompt`, which stands behind every segment."""

LANGUAGES = Locale("en").languages
"""English names by code."""


def _language(code: str) -> str:
    if re.fullmatch(r"[a-z]{2,3}", code) is None or code not in LANGUAGES:
        raise ValueError("must be an ISO 639-1 code, such as 'en'")
    return code


class Asked(BaseModel):
    """The fields of the form, without the file."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    prompt: str = Field(default="", max_length=_MAX_HINT)
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    temperature: float = Field(default=0.0, ge=0.0, le=1.0)


class AskedTranscription(Asked):
    """What only transcriptions have."""

    language: Annotated[str, AfterValidator(_language)] | None = None
    stream: bool = False
    include: list[Literal["logprobs"]] = Field(default_factory=list)
    timestamp_granularities: list[Literal["segment", "word"]] = Field(default_factory=list)
    chunking_strategy: Literal["auto"] | None = None

    @model_validator(mode="after")
    def _fields_fit_together(self) -> AskedTranscription:
        form = self.response_format
        if "word" in self.timestamp_granularities:
            message = "The model gives no times of words; ask for timestamp_granularities of segments."
            raise RequestError(message, param="timestamp_granularities")
        if self.timestamp_granularities and form != "verbose_json":
            message = "timestamp_granularities need response_format: verbose_json."
            raise RequestError(message, param="timestamp_granularities")
        if self.include and form != "json":
            raise RequestError("logprobs need response_format: json.", param="include")
        if self.stream and form not in ("json", "text"):
            raise RequestError(f"{form} cannot be streamed; ask for json or text.", param="stream")
        return self


def form_docs(fields: type[Asked]) -> dict[str, Any]:
    """The form for the OpenAPI page."""
    schema = fields.model_json_schema()
    schema["properties"] = {"file": {"type": "string", "format": "binary"}} | schema["properties"]
    schema["required"] = ["file"]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
