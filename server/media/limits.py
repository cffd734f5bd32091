"""How much one request may attach. What the model itself can take is the engine's business."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Everything beyond these is refused, never shortened; only sound is cut, where the model stops listening."""

    max_parts: int = 32
    """Attachments in all messages together; a video and its soundtrack are one."""

    max_bytes: int = 2 * 2**30
    """Bytes of a request's attachments as sent, one or all together. They lie on disk: an hour of video fits."""

    max_image_pixels: int = 89_000_000
    """Width times height of an image. Pillow warns of decompression bombs a little above this."""

    max_frame_pixels: int = 4096 * 2304
    """Width times height of a video."""

    max_video_seconds: float = 7200

    max_decoded_bytes: int = 2**30
    """Pixels and samples of one request."""

    max_held_bytes: int = 4 * 2**30
    """Pixels and samples of all requests at a time, and of what is kept for the next ones."""

    kept_bytes: int = 256 * 2**20
    """Pixels and samples that are kept in case the same attachment comes again, as it does in a conversation."""

    decode_seconds: float = 300
    """Time that one attachment may take, on a machine that may be busy."""

    cpu_seconds: float = 120
    """Processor time that it may take; an hour of 1080p needs 40."""
