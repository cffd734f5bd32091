"""A job made into sound at the wire's rate. Knows no transport."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tts.joints import Resampler
from tts.voice import WIRE_RATE, VoiceError
from tts.workers.figures import Figures
from tts.workers.job import Job
from tts.workers.repertoire import Repertoire

_LONGEST = 600.0
"""Seconds of sound in a unit after which a voice has lost its way, whatever its text. Bounds memory."""

_log = logging.getLogger(__name__)


async def spoken(job: Job, repertoire: Repertoire, figures: Figures) -> AsyncGenerator[bytes, None]:
    """Signed 16-bit little-endian mono PCM at `WIRE_RATE`, as it is made. Closing it stops the voice.

    Raises:
        VoiceError: nothing more can be had of this unit; also for whatever else goes wrong in a voice.
    """
    # Users may add any number of recorded voices; the figures must not grow with them.
    with figures.unit(job.voice if job.recorded is None else "recorded") as unit:
        try:
            async with repertoire.voice(job) as voice:
                resampler = Resampler(voice.sample_rate)
                chunks = voice.synthesize(job.text, lang=job.lang, speed=job.speed, seed=job.seed)
                async with aclosing(chunks):
                    async for chunk in chunks:
                        if pcm := resampler.feed(chunk).astype("<i2", copy=False).tobytes():
                            unit.add(len(pcm) / 2 / WIRE_RATE)
                            yield pcm
                        if unit.seconds > _LONGEST:
                            raise VoiceError(f"The voice does not stop: {unit.seconds:.0f} s.")
                if rest := resampler.flush().astype("<i2", copy=False).tobytes():
                    unit.add(len(rest) / 2 / WIRE_RATE)
                    yield rest
            unit.end = "spoken"
        except VoiceError:
            unit.end = "failed"
            raise
        except Exception as error:  # whatever a voice raises ends its unit, not the worker
            unit.end = "failed"
            _log.exception("unit %s failed", job.unit)
            raise VoiceError(f"The voice failed: {type(error).__name__}.") from error
