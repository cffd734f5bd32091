"""How much one request may attach. What the model itself can take is the engine's business."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Everything beyond these is refused, never shortened; only sound is cut, where the model stops listening."""

    max_parts: int = 32
    """Attachments in all messages together; a video and its soundtrack are one."""

    max_bytes: int = 100 * 2**20
    """Bytes of one attachment, as sent."""

    max_image_pixels: int = 89_000_000
    """Width times height of an image. Pillow warns of decompression bombs a little above this."""

    max_frame_pixels: int = 4096 * 2304
    """Width times height of a video. All 64 frames are held at full size: at this limit 1.8 GB."""

    max_video_seconds: float = 3600

    decode_seconds: float = 120
    """Time that one run of ffmpeg may take."""
