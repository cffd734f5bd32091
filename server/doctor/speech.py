"""Does the voice speak, and can attachments be decoded? Both are tried with the server's own parts."""

from __future__ import annotations

import io
import os
import tempfile
import wave

import anyio
import av
from PIL import Image

from server.closing import closing, once
from server.doctor.finding import Finding, broken, ok
from server.media.decoders import Decoders
from server.media.errors import MediaError
from server.media.job import Job, Kind
from server.settings import Settings
from server.voicing import VoicingError, speaking
from tts.events import Sound
from tts.imitations import CannotImitateError
from tts.registry import RegistryError
from tts.voice import UnknownVoiceError, VoiceError

_PATIENCE_SECONDS = 60.0
"""CosyVoice loads for so long; others take less than a second."""
_SIDE, _RATE = 8, 16_000
FIXES = {
    "espeak": "Reinstall eSpeak NG: pip install --force-reinstall espeakng-loader",
    "remote": "Is the speech server up, and OLA_REMOTE_VOICE_URL its address?",
    "cosyvoice": "See docs/voices.md for what CosyVoice needs",
    "workers": "Start a worker: ola tts-worker --redis URL",
}


async def voice(settings: Settings) -> Finding:
    """Whether a word becomes sound. Cancelling it ends what it has started."""
    if settings.voice == "none":
        return ok("voice", "none: answers in speech are refused")
    fix = FIXES[settings.voice]
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            samples = await _samples_of_a_word(settings)
    except UnknownVoiceError:
        if settings.voice == "remote":
            return ok("voice", "remote: has no voice of its own; add one called default (docs/voices.md)")
        return broken("voice", f"{settings.voice}: no voice is there", fix)
    except (VoicingError, VoiceError, RegistryError, CannotImitateError, TimeoutError) as error:
        return broken("voice", f"{settings.voice}: {error or 'no sound in a minute'}", fix)
    if not samples:
        return broken("voice", f"{settings.voice}: a word, but no sound", fix)
    return ok("voice", f"{settings.voice} says a word: {samples} samples")


async def _samples_of_a_word(settings: Settings) -> int:
    async with speaking(settings) as speaker:
        assert speaker is not None
        async with closing(once("Ready.")) as word, speaker.say(word, "default") as events:
            return sum([len(event.pcm) // 2 async for event in events if isinstance(event, Sound)])


async def media() -> Finding:
    """A picture and a recording through a decoder process, as attachments go. Cancelling it ends the process."""
    decoders, fix = Decoders(1), "Reinstall PyAV and Pillow: pip install --force-reinstall av pillow"
    try:
        picture = await _decoded(decoders, "image", _picture())
        sound = await _decoded(decoders, "sound", _recording())
    except MediaError as error:
        return broken("media", str(error), fix)
    finally:
        await decoders.close()
    if (picture, sound) != (_SIDE * _SIDE * 3, _RATE):
        return broken("media", "decoded files have the wrong size", fix)
    return ok("media", f"a picture and a recording are decoded, by PyAV {av.__version__} with FFmpeg {ffmpeg()}")


def ffmpeg() -> str:
    """The version that PyAV brought."""
    return str(av.ffmpeg_version_info)


async def _decoded(decoders: Decoders, kind: Kind, content: bytes) -> int:
    """How many values the file became."""
    job = Job(kind, max_pixels=_SIDE * _SIDE, max_seconds=10, cpu_seconds=20)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        [array, *_] = await decoders.decode(file.fileno(), job, 30, lambda _: None)
        return int(array.size)


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (_SIDE, _SIDE), "blue").save(file, "PNG")
    return file.getvalue()


def _recording() -> bytes:
    """A second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        out.writeframes(bytes(2 * _RATE))
    return file.getvalue()
