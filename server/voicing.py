"""From the settings to the one who speaks: which voices there are, what keeps recorded ones, what imitates them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from server.redis_client import redis_client
from server.settings import Settings
from tts.background import background
from tts.recorded import Imitator, Registry
from tts.registry import FileRegistry, RedisRegistry
from tts.speaker import Limits, Speaker
from tts.tracing import NoTracer, Tracer
from tts.voice import Voice
from tts.voices.espeak import OPENAI_ALIASES, espeak_voices
from tts.voices.remote import Address, RemoteImitator, RemoteVoice, SpeechServer


class VoicingError(Exception):
    """The settings name a voice that cannot be had."""


@dataclass(frozen=True, slots=True)
class Voices:
    """What one way of speaking brings along."""

    voices: Sequence[Voice] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    imitators: Sequence[Imitator] = ()
    joins: AsyncIterator[Voice] | None = None
    """Voices that come later."""


@asynccontextmanager
async def speaking(settings: Settings, tracer: Tracer | None = None) -> AsyncGenerator[Speaker | None, None]:
    """The speaker that the settings ask for, started; None: a server without a voice. Closed on leaving. `tracer` tells
    workers which trace a unit belongs to.

    Raises:
        VoicingError: the settings cannot be met.
        RegistryError: the recorded voices cannot be reached.
        VoiceError: the voice cannot speak.
    """
    if settings.voice == "none":
        yield None
        return
    async with AsyncExitStack() as closing:
        registry = _registry(settings, closing)
        await registry.names()  # a wrong address is known now
        made = await _voices(settings, closing, tracer or NoTracer())
        speaker = Speaker(
            made.voices, made.aliases, speech_limits(settings), registry=registry, imitators=made.imitators
        )
        closing.push_async_callback(speaker.close)
        await speaker.start()
        if made.joins is not None:
            group = await closing.enter_async_context(background())
            group.start_soon(_join, speaker, made, name="voices that come later")
        yield speaker


async def _join(speaker: Speaker, made: Voices) -> None:
    names = [voice.name for voice in made.voices]
    assert made.joins is not None
    async for voice in made.joins:
        if voice.name not in names:
            speaker.join(voice)
            names.append(voice.name)
            speaker.alias(common_aliases(names))


def speech_limits(settings: Settings) -> Limits:
    """What the settings say about speaking."""
    return Limits(
        look_ahead=settings.look_ahead_seconds,
        patience=settings.voice_patience_seconds,
        first_sound=settings.max_first_sound_seconds,
    )


def _registry(settings: Settings, closing: AsyncExitStack) -> Registry:
    if settings.redis_url is None:
        return FileRegistry(settings.voices_folder)
    return RedisRegistry(redis_client(settings, closing, VoicingError))


async def _voices(settings: Settings, closing: AsyncExitStack, tracer: Tracer) -> Voices:
    """What is put on `closing` is closed after the speaker."""
    match settings.voice:
        case "remote":
            return await _remote(settings, closing)
        case "workers":
            return await _workers(settings, closing, tracer)
        case "cosyvoice":
            return await _cosyvoice(settings, closing)
    return Voices(espeak_voices(), OPENAI_ALIASES)


async def _remote(settings: Settings, closing: AsyncExitStack) -> Voices:
    key = settings.remote_voice_key
    try:
        address = Address(
            settings.remote_voice_url or "",
            model=settings.remote_voice_model,
            key=None if key is None else key.get_secret_value(),
            sample_rate=settings.remote_voice_sample_rate,
            slots=settings.voice_slots,
            fields=settings.remote_voice_fields,
        )
    except ValueError as error:
        raise VoicingError(f"OLA_REMOTE_VOICE_...: {error}") from error
    server = SpeechServer(address)
    closing.push_async_callback(server.close)
    await server.check()
    voices = [RemoteVoice(name, server, {"voice": name}) for name in settings.remote_voice_names]
    imitators = [RemoteImitator(server)] if settings.remote_voice_imitates else []
    return Voices(voices, common_aliases(settings.remote_voice_names), imitators)


async def _workers(settings: Settings, closing: AsyncExitStack, tracer: Tracer) -> Voices:
    from tts.workers.redis_voices import redis_fleet

    fleet = await closing.enter_async_context(redis_fleet(settings.redis_url or "", tracer.traceparent))
    voices = fleet.voices()
    return Voices(voices, common_aliases([voice.name for voice in voices]), [fleet], fleet.joins())


async def _cosyvoice(settings: Settings, closing: AsyncExitStack) -> Voices:
    from tts.workers.child_voices import child_fleet

    options = ["--voice", "cosyvoice", "--model", settings.cosyvoice_model or ""]
    if settings.cosyvoice_home is not None:
        options += ["--cosyvoice-home", str(settings.cosyvoice_home)]
    fleet = await closing.enter_async_context(child_fleet(*options, slots=settings.voice_slots))
    voices = fleet.voices()
    return Voices(voices, common_aliases([voice.name for voice in voices]), [fleet])


def common_aliases(names: Sequence[str]) -> dict[str, str]:
    """`default` and OpenAI's names, so that every client finds a voice: espeak's variants if they are among these, else
    the first of them."""
    if not names:
        return {}
    wanted = {"default": names[0]} | OPENAI_ALIASES
    return {name: voice if voice in names else names[0] for name, voice in wanted.items() if name not in names}
