"""How much a key may use. Knows nothing of counting."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


class Quota(BaseModel):
    """A key's limits as they are written down. None: as much as there is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: Count | None = Field(default=None, description="Requests and WebSocket sessions begun.")
    concurrent_requests: Count | None = Field(default=None, description="Requests being answered at a time.")
    concurrent_sessions: Count | None = Field(default=None, description="WebSocket sessions at a time.")
    input_bytes_per_minute: Count | None = Field(default=None, description="Bytes of bodies and of messages.")
    audio_seconds_per_minute: Count | None = Field(default=None, description="Seconds of speech made.")

    def or_else(self, default: Quota) -> Quota:
        """These limits, with `default` for whatever nobody said; null is said, and lifts a default."""
        return default.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})
