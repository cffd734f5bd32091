"""vLLM's own transcription routes for Ola: how a stretch of speech is asked about. Stock `vllm serve` uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from transformers.models.whisper.tokenization_whisper import LANGUAGES
from vllm.config import SpeechToTextConfig
from vllm.config.speech_to_text import SpeechToTextParams
from vllm.exceptions import VLLMValidationError
from vllm.inputs import TextPrompt
from vllm.model_executor.models.interfaces import SupportsTranscription
from vllm.tokenizers.registry import cached_tokenizer_from_config

from engine.api import CHUNK_SECONDS, SAMPLE_RATE, Listening, listening_prompt


class Transcribes(SupportsTranscription):
    """What vLLM asks of a model class whose transcripts it serves."""

    supported_languages: ClassVar[Mapping[str, str]] = {"en": "English", "zh": "Chinese"}

    @classmethod
    def get_speech_to_text_config(
        cls, model_config: Any, task_type: Literal["transcribe", "translate"]
    ) -> SpeechToTextConfig:
        """Longer recordings are cut into chunks as long as one pass of the encoder, at quiet moments."""
        return SpeechToTextConfig(sample_rate=SAMPLE_RATE, max_audio_clip_s=CHUNK_SECONDS)

    @classmethod
    def get_generation_prompt(cls, stt_params: SpeechToTextParams) -> TextPrompt:
        """The conversation that our own routes hold: the recording, then the paper's prompt."""
        if stt_params.to_language not in (None, "en"):
            raise VLLMValidationError("Translations are into English.", parameter="to_language")
        language = LANGUAGES[stt_params.language].title() if stt_params.language else None
        task: Listening = "translate" if stt_params.task_type == "translate" else "transcribe"
        hint = "\n".join(filter(None, (stt_params.hotwords, stt_params.request_prompt)))
        content = [{"type": "audio"}, {"type": "text", "text": listening_prompt(task, language, hint)}]
        prompt = cached_tokenizer_from_config(stt_params.model_config).apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        return TextPrompt(prompt=prompt, multi_modal_data={"audio": (stt_params.audio, SAMPLE_RATE)})
