"""A loaded CosyVoice model and the voices that speak with it: those that it knows, and any that it imitates.

One model a process, and a process of its own: one thread runs it, from which every request takes its turns.
"""

from __future__ import annotations

import wave
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import torch

from tts.recorded import Recorded
from tts.scripts import base, language_of
from tts.tempo import Tempo
from tts.voice import VoiceError
from tts.voices.cosyvoice.folder import Generation, find_folder, generation_of
from tts.voices.cosyvoice.likeness import Likeness, clean, known_speaker, listen, prompt
from tts.voices.cosyvoice.speech import Steps, speak
from tts.voices.cosyvoice.turns import Turns
from tts.voices.cosyvoice.upstream import load

_REMEMBERED = 100
"""Recordings whose features are kept: half a megabyte each."""
_WARM_UP = "This is how it sounds."


def load_cosyvoice(
    model: str,
    *,
    home: Path | None = None,
    slots: int = 4,
    fp16: bool = False,
    vllm: bool = False,
    tensorrt: bool = False,
) -> CosyVoice:
    """Load a model folder or hub id into this process: seconds to minutes, in which the caller's thread is busy.

    Args:
        model: a folder, or `owner/name` on the Hugging Face hub (or ModelScope's, if `modelscope` is installed).
        home: a CosyVoice checkout with its submodule; None if its code is on Python's path.
        slots: units that are spoken at a time, of all voices together.
        fp16: halve the memory of the activations; needs CUDA, as does TensorRT.
        vllm: run the language model with vLLM (not the first generation). Its sums may depend on what else it runs.
        tensorrt: run the flow model with TensorRT.

    Raises:
        VoiceError: it cannot be had or loaded, or would not speak properly with what is installed.
    """
    folder = find_folder(model)
    generation = generation_of(folder)
    return CosyVoice(load(folder, generation, home, fp16=fp16, vllm=vllm, tensorrt=tensorrt), generation, slots)


class CosyVoice:
    """A loaded model. Implements `tts.recorded.Imitator`."""

    def __init__(self, own: Any, generation: Generation, slots: int) -> None:
        """`own` is CosyVoice's own object for the model."""
        self.generation, self.slots, self.sample_rate = generation, slots, int(own.sample_rate)
        self._own = own
        self._speaking = anyio.Semaphore(slots)
        self._starting, self._started = anyio.Lock(), False
        self._heard: OrderedDict[bytes, Likeness] = OrderedDict()
        known = own.frontend.spk2info
        self._known = {name: known_speaker(name, entry, own) for name, entry in known.items()}
        half = bool(own.fp16) and not hasattr(own.model.llm, "vllm")
        self._turns = Turns("cosyvoice", lambda: torch.autocast(own.model.device.type, torch.float16, enabled=half))

    def voices(self, *, instructions: str = "") -> list[CosyVoiceVoice]:
        """One for each speaker that the model knows (spk2info.pt), named like it.

        `instructions` say how to speak: "with a smile". They need an instruct model of the first generation.
        """
        return [CosyVoiceVoice(name, self, name, instructions) for name in self._known]

    def imitate(self, recorded: Recorded, *, instructions: str = "") -> CosyVoiceVoice:
        """See `tts.recorded.Imitator`. The features of a recording are remembered, whatever voice object asks for them.

        Raises:
            VoiceError: the first generation takes no instructions together with a recording.
        """
        if instructions and self.generation.number == 1:
            raise VoiceError("CosyVoice's first generation takes no instructions together with a recording.")
        return CosyVoiceVoice(recorded.name, self, recorded, instructions)

    async def start(self) -> None:
        """Speak once, so that the first unit waits for nothing that happens only once. Safe to call twice.

        Raises:
            VoiceError: it cannot speak.
        """
        async with self._starting:
            if not self._started:
                voice = next(iter(self.voices()), None) or self.imitate(_hum())
                async with aclosing(voice.synthesize(_WARM_UP)) as chunks:
                    async for _ in chunks:
                        pass
                self._started = True

    async def close(self) -> None:
        """Stop speaking, wait for the step that is being made, and let go of the model. Safe to call twice."""
        await anyio.to_thread.run_sync(self._turns.close)
        self._own = None

    @property
    def busy(self) -> int:
        """Units that the model is at work on, stopped ones included until their turn comes."""
        return self._turns.jobs

    async def speak(
        self, who: str | Recorded, text: str, lang: str | None, speed: float, seed: int, instructions: str
    ) -> AsyncGenerator[bytes, None]:
        """One unit by a known speaker or an imitated one; see `tts.voice.Voice.synthesize`. Waits for a slot."""
        language = language_of(text, lang)
        if language is not None and base(language).replace("cmn", "zh") not in self.generation.languages:
            known = ", ".join(self.generation.languages)
            raise VoiceError(f"{self.generation.code} does not speak {language!r}, only {known}.")
        if not any(map(str.isalnum, clean(text, self.generation.number, lang))):
            return
        if not 0.25 <= speed <= 4.0:
            raise VoiceError(f"Speed {speed} is outside of 0.25 to 4.")
        # Upstream changes the speed only when nothing is streamed, and ignores the wish when something is.
        tempo = Tempo(self.sample_rate, speed) if speed != 1.0 else None

        def steps() -> Steps:
            likeness = self._known[who] if isinstance(who, str) else self._likeness(who)
            said = prompt(self._own, self.generation.number, likeness, text, lang, instructions)
            return (yield from speak(self._own, said, seed))

        async with self._speaking, aclosing(self._turns.results(steps)) as chunks:
            async for chunk in chunks:
                if sound := tempo.feed(chunk) if tempo else chunk:
                    yield sound
            if tempo and (rest := tempo.flush()):
                yield rest

    def _likeness(self, recorded: Recorded) -> Likeness:
        """In the model's thread."""
        key = sha256(b"\0".join((recorded.transcript.encode(), (recorded.lang or "").encode(), recorded.recording)))
        likeness = self._heard.pop(key.digest(), None)
        if likeness is None:
            likeness = listen(self._own, recorded.recording, recorded.transcript, recorded.lang)
        self._heard[key.digest()] = likeness
        while len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)
        return likeness


class CosyVoiceVoice:
    """One speaker. Implements `tts.voice.Voice`; all voices of a model share its slots, memory and thread."""

    def __init__(self, name: str, model: CosyVoice, who: str | Recorded, instructions: str = "") -> None:
        """`who` is a speaker that the model knows, or one to imitate."""
        self.name, self.sample_rate, self.slots = name, model.sample_rate, model.slots
        self.languages: tuple[str, ...] = model.generation.languages
        self.place = self._model = model
        self._who, self._instructions = who, instructions

    async def start(self) -> None:
        """See `CosyVoice.start`."""
        await self._model.start()

    def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """See `tts.voice.Voice`. A unit that finds all slots taken waits for one."""
        return self._model.speak(self._who, text, lang, speed, seed, self._instructions)

    async def close(self) -> None:
        """Nothing: what a voice uses belongs to its model, which `CosyVoice.close` releases."""


def _hum() -> Recorded:
    """Three seconds of something like a vowel, for a model that knows nobody."""
    rate = 24_000
    at = np.arange(3 * rate) / rate
    tone = sum(np.sin(2 * np.pi * 140 * overtone * at) / overtone for overtone in range(1, 8))
    samples = (6000 * tone * (1 + 0.3 * np.sin(2 * np.pi * 4 * at))).astype("<i2")
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, rate, len(samples), "NONE", ""))
        out.writeframes(samples.tobytes())
    return Recorded("warm-up", file.getvalue(), "Hum.", "", "en", 0.0)
