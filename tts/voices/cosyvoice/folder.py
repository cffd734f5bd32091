"""A CosyVoice model folder: where it is, of which generation, whether it is complete. Imports no model code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tts.voice import VoiceError


@dataclass(frozen=True, slots=True)
class Generation:
    """One of the three families of models."""

    number: int
    yaml: str
    """Names the family: each has its own."""
    code: str
    """The class in `cosyvoice.cli.cosyvoice` that loads it."""
    tokenizer: str
    """The model that turns sound into speech tokens."""
    languages: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """What a folder must hold."""
        language_model = ("CosyVoice-BlankEN/config.json",) if self.number > 1 else ()
        return (self.yaml, "llm.pt", "flow.pt", "hift.pt", "campplus.onnx", self.tokenizer, *language_model)


_ASIAN = ("zh", "yue", "en", "ja", "ko")
GENERATIONS = (
    Generation(1, "cosyvoice.yaml", "CosyVoice", "speech_tokenizer_v1.onnx", _ASIAN),
    Generation(2, "cosyvoice2.yaml", "CosyVoice2", "speech_tokenizer_v2.onnx", _ASIAN),
    Generation(3, "cosyvoice3.yaml", "CosyVoice3", "speech_tokenizer_v3.onnx", (*_ASIAN, "de", "es", "fr", "it", "ru")),
)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def find_folder(model: str) -> Path:
    """The folder of this name, or the local copy of this hub id, which is downloaded if there is none.

    Raises:
        VoiceError: there is no such folder, and no such model that could be had.
    """
    folder = Path(model)
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(model):
        raise VoiceError(f"There is no folder {model}, and it is no hub id either (owner/name).")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        return _from_modelscope(model, error)


def _from_modelscope(model: str, refused: Exception) -> Path:
    try:
        from modelscope import snapshot_download
    except ImportError:
        raise VoiceError(
            f"{model} is no folder and cannot be had from the Hugging Face hub ({type(refused).__name__}: {refused}). "
            "Give the folder of a downloaded model; for ModelScope's hub install modelscope."
        ) from refused
    try:
        return Path(snapshot_download(model))
    except Exception as error:  # whatever a foreign downloader raises
        raise VoiceError(f"{model} is no folder, and neither hub has it for us: {refused}; {error}") from error


def generation_of(folder: Path) -> Generation:
    """Which models a folder holds.

    Raises:
        VoiceError: none, or some of their files are missing.
    """
    for generation in GENERATIONS:
        if (folder / generation.yaml).is_file():
            if missing := [name for name in generation.files if not (folder / name).is_file()]:
                raise VoiceError(f"{folder} is an incomplete {generation.code}: {', '.join(missing)} missing.")
            return generation
    known = ", ".join(generation.yaml for generation in GENERATIONS)
    raise VoiceError(f"{folder} holds no CosyVoice model: there is none of {known}.")
