"""What an operator may set by `OLA_...` variables. The only module that reads the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The gateway's settings. The engine's own options are vLLM's and stay on the command line."""

    model_config = SettingsConfigDict(env_prefix="OLA_", extra="ignore")

    host: str = Field(default="127.0.0.1", description="Address to listen on. Local by default: there are no keys yet.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 8000 is what OpenAI-style clients try."
    )
    voice: bool = Field(default=True, description="Whether to load a voice. Without one, audio answers are refused.")
    fetch_urls: bool = Field(
        default=False,
        description="Whether attachments may be URLs. Off: a server that fetches is a door into its network.",
    )
    max_attachments: int = Field(
        default=32,
        ge=0,
        description="Attachments in one request. Each is decoded in memory, so their number needs an end.",
    )
    max_attachment_bytes: int = Field(
        default=100 * 2**20, ge=1, description="Size of one attachment as sent. A ten minute phone video fits."
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
    max_stored_answers: int = Field(
        default=10_000,
        ge=1,
        description="Spoken answers remembered at a time; the oldest go first. Bounds their memory.",
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
    idle_flush_seconds: float = Field(
        default=0.3,
        gt=0,
        description="How long a finished sentence waits for the word after it when the model pauses.",
    )
    voice_patience_seconds: float = Field(
        default=5.0,
        gt=0,
        description="How long a voice may be silent inside a unit before it is spoken elsewhere. "
        "Above what a slow voice needs to its first sound.",
    )
