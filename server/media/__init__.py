"""Attachments of a chat request: from the bytes a client sent to the arrays an engine takes. Knows no model."""

from server.media.errors import MediaError
from server.media.limits import MediaLimits
from server.media.parts import decode_messages, decoding_slots
from server.media.sources import Fetch

__all__ = ["decode_messages", "decoding_slots", "MediaLimits", "MediaError", "Fetch"]
