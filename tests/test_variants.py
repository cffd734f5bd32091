"""Other checkpoints through `ola serve`, against the same weights in plain PyTorch, token by token."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.api import Attachment
from engine.config import BeatsDims, VisionDims, WhisperDims
from engine.model.plain import PlainOla
from engine.penalty import KEY
from engine.processor import PLACEHOLDERS
from tests import golden_media, golden_set
from tests.engine.small_checkpoint import Recipe, write, write_shards
from tests.ola_process import StartError, ola_serve
from tests.test_parity import ask, parts
from training.vocabulary import write_json

# That the penalty skips the prompt is what the reference does.
pytestmark = [
    pytest.mark.engine,
    pytest.mark.filterwarnings("ignore:Passing `repetition_penalty` with `inputs_embeds`"),
]

OTHER_SIZES = Recipe(
    hidden=120,
    intermediate=200,
    layers=3,
    heads=6,
    kv_heads=3,
    vision=VisionDims(80, 3, 5, 200, 16, 24),
    whisper=WhisperDims(n_audio_state=64, n_audio_head=4, n_audio_layer=1),
    beats=BeatsDims(32, 32, 2, 64, 3),
    rate=5,
    shards=3,
    tokenizer_json=False,
    architecture="OmniSpeechVisionQwenForCausalLM",
)
WITHOUT_SPEECH = Recipe(hears=False, tied=True, heads=4, kv_heads=4)

# vLLM compiles nothing, so that each of these starts faster.
OPTIONS = ("--dtype", "float32", "--enforce-eager")
# These tests do not speak.
MUTE = {"OLA_VOICE": "false"}

ADDED = json.loads((golden_set.CHECKPOINT / "added_tokens.json").read_text(encoding="utf-8"))
BLOCK = 128  # tokens that vLLM caches together on CPUs
EOS = [ADDED["<|im_end|>"], ADDED["<|endoftext|>"]]
PLACES = {ADDED[token] for token in PLACEHOLDERS.values()}

IMAGE, SOUND = "odd_37x53.png", "short_1.3s_16k.wav"
NEW_IMAGE = "photo_640x480.jpg"
VIDEO, SILENT_VIDEO = "lossless_160x120_96f.mp4", "silent_400x300_30f.mp4"


def case(
    text: str | None, image: str | None = None, audio: str | None = None, video: str | None = None
) -> dict[str, Any]:
    """A request in the golden cases' form."""
    return {"kind": "own", "text": text, "image": image, "audio": audio, "video": video}


SEEN = {
    "text": case("Hello! Who are you?"),
    "image": case("What is this?", image=IMAGE),
}
WATCHED = {"silent video": case("What happens?", video=SILENT_VIDEO)}
HEARD = {
    "audio": case("What is said?", audio=SOUND),
    "image+audio": case("Does it fit?", image=IMAGE, audio=SOUND),
    "spoken question": case(None, image=IMAGE, audio=SOUND),
    "video": case("What happens, and what is said?", video=VIDEO),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Served:
    """A running server and the model that it should equal."""

    address: str
    plain: PlainOla
    folder: Path

    def check(self, asked: dict[str, Any], **request: Any) -> None:
        """Compare the answers with and without repetition penalty."""
        first = ask(self.address, asked, repetition_penalty=1.0, **request)
        embeds = self.embed(asked, first["prompt_token_ids"])
        assert tokens_of(first) == answer(self.plain, embeds, 1.0)
        assert tokens_of(ask(self.address, asked, **request)) == answer(self.plain, embeds, 1.05)

    def embed(self, asked: dict[str, Any], ids: list[int]) -> Tensor:
        """Rows of a prompt, given as ids of which there is one for every row."""
        attached = iter(self.attachments(asked))
        runs = groupby(ids, lambda token: token if token in PLACES else None)
        embeds = self.plain.embed([next(attached) if place else list(run) for place, run in runs])
        assert len(embeds) == len(ids)
        assert next(attached, None) is None
        return embeds

    def attachments(self, asked: dict[str, Any]) -> Iterator[Attachment]:
        if asked["image"]:
            yield golden_media.image(asked["image"])
        if asked["video"]:
            pictures, track = golden_media.video(asked["video"])
            yield pictures
            if track is not None and self.plain.hearing is not None:
                yield track
        if asked["audio"]:
            yield golden_media.sound(asked["audio"])


def answer(plain: PlainOla, embeds: Tensor, penalty: float) -> list[int]:
    options = {"do_sample": False, "max_new_tokens": 24, "eos_token_id": EOS}
    return plain.generate(embeds, repetition_penalty=penalty, **options)


def tokens_of(completion: dict[str, Any]) -> list[int]:
    ids: list[int] = completion["choices"][0]["token_ids"]
    return ids


def adapter(folder: Path, recipe: Recipe, rank: int = 4) -> dict[str, Tensor]:
    """Write a LoRA adapter for the query projections; returns what it adds to them."""
    dice = torch.Generator().manual_seed(1)
    added: dict[str, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    for layer in range(recipe.layers):
        name = f"model.layers.{layer}.self_attn.q_proj"
        a, b = (0.5 * torch.randn(shape, generator=dice) for shape in ((rank, recipe.hidden), (recipe.hidden, rank)))
        tensors |= {f"base_model.model.{name}.lora_A.weight": a, f"base_model.model.{name}.lora_B.weight": b}
        added[f"{name}.weight"] = 2 * b @ a
    folder.mkdir()
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["q_proj"], "bias": "none"}
    write_json(folder / "adapter_config.json", settings)
    return added


@pytest.fixture(scope="module")
def other_sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Long prompts are read in pieces, and an adapter can be asked for by its name."""
    folder = tmp_path_factory.mktemp("other sizes") / "checkpoint"
    folder.mkdir()
    write(folder, OTHER_SIZES)
    adapter(folder.parent / "adapter", OTHER_SIZES)
    pieces = ("--max-num-batched-tokens", "512", "--enable-prompt-tokens-details")
    lora = ("--enable-lora", "--max-lora-rank", "8", "--lora-modules", f"tuned={folder.parent / 'adapter'}")
    with ola_serve(folder, *OPTIONS, *pieces, *lora, environment=MUTE) as address:
        yield Served(address, PlainOla.load(folder), folder)


@pytest.fixture(scope="module")
def without_speech(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("without speech")
    write(folder, WITHOUT_SPEECH)
    with ola_serve(folder, *OPTIONS, environment=MUTE) as address:
        yield Served(address, PlainOla.load(folder), folder)


@pytest.mark.parametrize("name", SEEN | HEARD)
def test_other_sizes(other_sizes: Served, name: str) -> None:
    other_sizes.check((SEEN | HEARD)[name])


def test_what_was_read_before_is_not_read_again(other_sizes: Served) -> None:
    asked = case("What is there to see?", image=NEW_IMAGE)
    first, second = (ask(other_sizes.address, asked) for _ in range(2))
    assert tokens_of(first) == tokens_of(second)
    cached = [completion["usage"]["prompt_tokens_details"]["cached_tokens"] for completion in (first, second)]
    assert cached[0] == 0
    assert cached[1] > len(second["prompt_token_ids"]) - 2 * BLOCK


@pytest.mark.parametrize("name", ["text", "image+audio"])
def test_an_adapter_answers_under_its_name(other_sizes: Served, tmp_path: Path, name: str) -> None:
    asked = (SEEN | HEARD)[name]
    tuned = dataclasses.replace(other_sizes, plain=PlainOla.load(other_sizes.folder))
    weights = dict(tuned.plain.backbone.named_parameters())
    for weight, difference in adapter(tmp_path / "same", OTHER_SIZES).items():
        weights[weight].data += difference
    tuned.check(asked, model="tuned")
    assert tokens_of(ask(tuned.address, asked, model="tuned")) != tokens_of(ask(tuned.address, asked))


def test_no_request_can_hurt_the_engine_through_our_own_parameter(other_sizes: Served) -> None:
    sent = {"vllm_xargs": {KEY: "much"}, "repetition_penalty": 1.0}
    assert KEY in refusal(other_sizes.address, parts(SEEN["text"]), **sent)
    other_sizes.check(SEEN["text"])


@pytest.mark.parametrize("name", SEEN | WATCHED)
def test_without_speech(without_speech: Served, name: str) -> None:
    without_speech.check((SEEN | WATCHED)[name])


def test_without_speech_a_video_is_seen_if_its_sound_is_left_out(without_speech: Served) -> None:
    content = parts(case("What happens?", video=VIDEO))
    assert '"audio": false' in refusal(without_speech.address, content)
    content[0]["audio"] = False
    completion = post(without_speech.address, content, repetition_penalty=1.0).json()
    embeds = without_speech.embed(case("What happens?", video=VIDEO), completion["prompt_token_ids"])
    assert tokens_of(completion) == answer(without_speech.plain, embeds, 1.0)


def test_without_speech_a_recording_is_refused(without_speech: Served) -> None:
    assert "does not hear" in refusal(without_speech.address, parts(HEARD["audio"]))
    assert "does not hear" in refusal(without_speech.address, parts(HEARD["image+audio"]))
    assert "content[0]: this model does not hear" in refusal(without_speech.address, parts(HEARD["video"]))


def post(address: str, content: list[dict[str, Any]], **request: Any) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 24, "temperature": 0}
    return httpx.post(f"{address}/v1/chat/completions", json=body | {"return_token_ids": True} | request, timeout=120)


def refusal(address: str, content: list[dict[str, Any]], **request: Any) -> str:
    response = post(address, content, **request)
    assert response.status_code == 400
    message: str = response.json()["error"]["message"]
    return message


def test_a_broken_checkpoint_ends_the_start_with_what_is_wrong(tmp_path: Path) -> None:
    tensors = write(tmp_path, WITHOUT_SPEECH)
    missing, left_over = "model.layers.1.mlp.up_proj.weight", "model.vision_tower.vision_tower.norm.weight"
    write_shards(tmp_path, {name: t for name, t in tensors.items() if name != missing} | {left_over: torch.ones(1)})
    with pytest.raises(StartError) as stopped, ola_serve(tmp_path, *OPTIONS, environment=MUTE):
        pass
    assert f"1 missing: {missing}; 1 left over: {left_over}" in str(stopped.value)
    assert "Engine" not in str(stopped.value)  # known before an engine is started
