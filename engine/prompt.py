"""Ola's tokenizer and prompt rendering for vLLM: user text stays text, and a prompt that is too long is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import normalizers
from transformers import AutoTokenizer
from vllm.exceptions import VLLMValidationError
from vllm.renderers.hf import HfRenderer
from vllm.tokenizers.hf import get_cached_tokenizer

if TYPE_CHECKING:
    from vllm.renderers.params import ChatParams

MODE = "ola"
"""vLLM's name for this tokenizer and renderer (`--tokenizer-mode`)."""

CHAT_TEMPLATE = Path(__file__).with_name("chat_template.jinja")

ESCAPE, GUARD = "\ufdd0", "\ufdd1"
"""Unicode noncharacters. The chat template puts ESCAPE behind every `<` of user text, so that no control token is found
there, and GUARD behind every ESCAPE that a user wrote. Normalisation, which comes after the search for control tokens,
drops both again before the text is tokenised."""


class OlaTokenizer:
    """Loads the checkpoint's own tokenizer and gives it Ola's chat template, whatever template lies beside it."""

    @classmethod
    def from_pretrained(
        cls, path_or_repo_id: str | Path, *args: Any, download_dir: str | None = None, **kwargs: Any
    ) -> Any:
        tokenizer = AutoTokenizer.from_pretrained(path_or_repo_id, *args, cache_dir=download_dir, **kwargs)
        backend = tokenizer.backend_tokenizer
        unescape = normalizers.Replace("<" + ESCAPE, "<"), normalizers.Replace(ESCAPE + GUARD, ESCAPE)
        backend.normalizer = normalizers.Sequence([*unescape, backend.normalizer or normalizers.NFC()])
        tokenizer.chat_template = CHAT_TEMPLATE.read_text(encoding="utf-8")
        # Last, because vLLM's caching wrapper is copied by rebuilding it from the tokenizer it wraps.
        return get_cached_tokenizer(tokenizer)


class OlaRenderer(HfRenderer):
    """vLLM's renderer for Hugging Face tokenizers, plus the limit on prompt rows.

    The reference cuts longer prompts and so loses the question (docs/model.md).
    """

    def render_messages(self, messages: Any, params: Any) -> Any:
        return super().render_messages(messages, left_open(params))

    async def render_messages_async(self, messages: Any, params: Any) -> Any:
        return await super().render_messages_async(messages, left_open(params))

    def _process_tokens(self, prompt: Any, **kwargs: Any) -> Any:
        return self._checked(super()._process_tokens(prompt, **kwargs))

    async def _process_tokens_async(self, prompt: Any, **kwargs: Any) -> Any:
        return self._checked(await super()._process_tokens_async(prompt, **kwargs))

    def _checked(self, engine_input: Any) -> Any:
        rows, limit = len(engine_input["prompt_token_ids"]), self.model_config.hf_config.tokenizer_model_max_length
        if rows > limit:
            raise VLLMValidationError(
                f"This model takes at most {limit} prompt tokens, but the messages have {rows}{shares(engine_input)}.",
                parameter="messages",
                value=rows,
            )
        return engine_input


def left_open(params: ChatParams) -> ChatParams:
    """Have our template itself leave a message open that the model shall continue.

    Transformers would look for the message's text in the prompt, where it is escaped.
    """
    options = params.chat_template_kwargs
    if params.chat_template is not None or not options.get("continue_final_message"):
        return params
    return replace(params, chat_template_kwargs=options | {"continue_final_message": False, "leave_open": True})


def shares(engine_input: Any) -> str:
    """What the attachments take of a prompt, in words."""
    placeholders = engine_input.get("mm_placeholders") or {}
    parts = [
        f"{sum(place.length for place in places)} for {len(places)} {modality} attachment{'s' * (len(places) > 1)}"
        for modality, places in placeholders.items()
    ]
    return f" ({', '.join(parts)})" if parts else ""
