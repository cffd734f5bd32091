"""Log lines: as text for people, or as one JSON object a line for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

Form = Literal["text", "json"]

_TEXT = "%(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """What a record says, and the facts that were given with it (`extra={"facts": {...}}`)."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up_logging(form: Form) -> None:
    """Everything from INFO on to standard error."""
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(JsonLines() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[shown])
