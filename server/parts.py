"""What one app is made of: the objects that `create_app` was given, and what it made of its settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.api import Engine
from server.errors import RequestError
from server.media.parts import Attachments
from server.metrics import Metrics
from server.settings import Settings
from server.stopping import Stopping
from server.store import Store
from tts.speaker import Speaker
from tts.tracing import NoTracer, Tracer


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one app. `speaker` None: a server without a voice."""

    settings: Settings
    engine: Engine
    speaker: Speaker | None
    store: Store
    metrics: Metrics
    attachments: Attachments
    tracer: Tracer = field(default_factory=NoTracer)
    stopping: Stopping = field(default_factory=Stopping)

    def needed_speaker(self) -> Speaker:
        """The speaker, for what cannot do without. Raises RequestError: there is none."""
        if self.speaker is None:
            raise RequestError("This server has no voice.", code="no_voice")
        return self.speaker
