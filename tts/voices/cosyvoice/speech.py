"""One unit of speech: speech tokens from the language model, sound from the flow model, a step at a time.

Does what CosyVoice's own `tts()` does, with its own models, in one thread instead of two that wait for each other: that
one polls, never returns if its thread fails, goes on if nobody listens, and keeps its chunk length for later requests.
Knows no threads.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor

from tts.voice import VoiceError
from tts.voices.cosyvoice.chance import Chance
from tts.voices.cosyvoice.likeness import CHUNK, Prompt

LONGEST = 300.0
"""Seconds of a unit, its recording included: as much noise has the flow model ready."""
_LARGEST = 4 * CHUNK
_PER_TEXT_TOKEN = 20
"""Speech tokens for a token of text, at most: CosyVoice's own bound."""
_PATIENT_SILENCE = 5
"""Tokens of silence or breath in a row, of those that the third generation knows; further ones are dropped."""
_SESSIONS = ("hift_cache_dict", "mel_overlap_dict", "flow_cache_dict")

Steps = Generator[bytes | None, None, None]
"""Sound as it is made; None after a step that made none."""


def speak(own: Any, prompt: Prompt, seed: int) -> Steps:
    """Say one unit: signed 16-bit mono PCM. Closing it at any step leaves nothing behind in CosyVoice's objects.

    Raises:
        VoiceError: the unit becomes too long, or nothing is said.
    """
    unit = _Unit(own, prompt, seed)
    try:
        tokens = unit.tokens()
        with closing(tokens):
            yield from unit.first_generation(tokens) if hasattr(own.model, "flow_cache_dict") else unit.stream(tokens)
    finally:
        unit.forget()


class _Unit:
    def __init__(self, own: Any, prompt: Prompt, seed: int) -> None:
        self._model, self._prompt, self._key = own.model, prompt, uuid4().hex
        # Two sequences, so that what is said does not depend on how it is cut into chunks.
        self._choices, self._noise = Chance(seed, own.model.device), Chance(seed, own.model.device)
        self._limit = int(LONGEST * own.model.flow.input_frame_rate) - prompt.likeness.flow_tokens.shape[1]
        own.model.hift_cache_dict[self._key] = None
        if hasattr(own.model.llm, "vllm"):
            own.model.llm.seeds[self._key] = seed % (1 << 63)

    def forget(self) -> None:
        """Take the unit out of the model's tables."""
        for name in _SESSIONS:
            getattr(self._model, name, {}).pop(self._key, None)
        llm = self._model.llm
        if hasattr(llm, "vllm"):
            llm.seeds.pop(self._key)
            with llm.lock:
                if llm.vllm_output_queue.pop(self._key, None) is not None:
                    llm.vllm.abort_request([self._key])

    def tokens(self) -> Generator[int | None, None, None]:
        """Speech tokens; None for one that was dropped."""
        model, prompt = self._model, self._prompt
        silences, patience, made = frozenset(getattr(model, "silent_tokens", ())), _PATIENT_SILENCE, 0
        chosen = model.llm.inference(**self._question(), max_token_text_ratio=_PER_TEXT_TOKEN, uuid=self._key)
        with closing(chosen):
            while True:
                with self._choices:
                    token = next(chosen, None)
                if token is None:
                    break
                patience = patience - 1 if token in silences else _PATIENT_SILENCE
                made += 1
                if made > self._limit:
                    raise VoiceError(f"The unit is longer than {LONGEST:.0f} s, recording included.")
                yield token if patience >= 0 else None
        if not made:
            raise VoiceError(f"CosyVoice made no sound of {prompt.text.shape[1]} tokens of text.")

    def _question(self) -> dict[str, Tensor]:
        device, prompt = self._model.device, self._prompt
        named = {"text": prompt.text, "prompt_text": prompt.before, "prompt_speech_token": prompt.tokens}
        question = {"embedding": prompt.voice.to(device)}
        for name, tensor in named.items():
            question[name] = tensor.to(device)
            question[f"{name}_len"] = torch.tensor([tensor.shape[1]], dtype=torch.int32, device=device)
        return question

    def stream(self, tokens: Iterator[int | None]) -> Steps:
        """The second and third generation: the flow begins anew for each chunk, with all tokens up to its end.

        A chunk is as long as all sound before it, in whole blocks: a voice that is faster than speech makes it in time.
        """
        model, made, offset = self._model, [], 0
        lookahead = model.flow.pre_lookahead_len
        until = CHUNK + -self._prompt.likeness.flow_tokens.shape[1] % CHUNK
        for token in tokens:
            if token is not None:
                made.append(token)
            if len(made) < until + lookahead or token is None:
                yield None
                continue
            yield self._sound(made, token_offset=offset, stream=True, finalize=False)
            offset, until = until, until + min(_LARGEST, max(CHUNK, until // CHUNK * CHUNK))
        yield self._sound(made, token_offset=offset, finalize=True)

    def first_generation(self, tokens: Iterator[int | None]) -> Steps:
        """Chunks of one length that overlap and are blended."""
        model, key, waiting = self._model, self._key, []
        model.mel_overlap_dict[key] = torch.zeros(1, 80, 0)
        model.flow_cache_dict[key] = torch.zeros(1, 80, 0, 2)
        for token in tokens:
            if token is not None:
                waiting.append(token)
            if len(waiting) < model.token_min_hop_len + model.token_overlap_len:
                yield None
                continue
            yield self._sound(waiting, finalize=False)
            del waiting[: model.token_min_hop_len]
        yield self._sound(waiting, finalize=True)

    def _sound(self, tokens: list[int], **where: object) -> bytes:
        likeness = self._prompt.likeness
        # Autocast goes on between the tokens; token2wav begins its own where it needs it.
        with self._noise, torch.inference_mode(), torch.autocast(self._model.device.type, enabled=False):
            samples = self._model.token2wav(
                token=torch.tensor(tokens)[None],
                prompt_token=likeness.flow_tokens,
                prompt_feat=likeness.features,
                embedding=likeness.embedding,
                uuid=self._key,
                **where,
            )
            return bytes((samples[0] * 32767).round().clamp(-32768, 32767).to(torch.int16).cpu().numpy().tobytes())
