"""Loading checkpoints: every layout in which Ola is released, and the complete list of what is wrong with any other."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from engine import checkpoint
from engine.checkpoint import BEATS, WHISPER, CheckpointError, Ledger, backbone_shapes, describe_hearing
from engine.config import BeatsDims, OlaConfig, WhisperDims
from engine.model.plain import PlainOla
from tests.engine.small_checkpoint import Recipe, write, write_encoders, write_shards
from training.sizes import BEATS_FILE, WHISPER_FILE
from training.vocabulary import write_json

Tensors = dict[str, Tensor]

SMALL = Recipe(hidden=32, intermediate=48, heads=4, beats=BeatsDims(16, 32, 2, 32, 3))
WIDE_WHISPER = WhisperDims(n_audio_state=128, n_audio_head=2, n_audio_layer=1)
ENTRIES = 783

LAYOUTS = {
    "one file": SMALL,
    "shards": dataclasses.replace(SMALL, shards=3),
    "no tokenizer.json, the other name": dataclasses.replace(
        SMALL, tokenizer_json=False, architecture="OmniSpeechVisionQwenForCausalLM"
    ),
    "tied embeddings": dataclasses.replace(SMALL, tied=True),
    "encoders in their files only": dataclasses.replace(SMALL, encoders_in_shards=False),
    "encoders in the shards only": dataclasses.replace(SMALL, encoder_files=False, whisper=WIDE_WHISPER),
    "Whisper alone": dataclasses.replace(SMALL, beats=None),
    "BEATs without a projection": dataclasses.replace(SMALL, beats=BeatsDims(32, 32, 2, 32, 3)),
    "no speech": dataclasses.replace(SMALL, hears=False),
    "other sizes": Recipe(hidden=60, heads=3, kv_heads=1, layers=3, rate=7, vocabulary=ENTRIES),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_tensor_of_every_layout_arrives(tmp_path: Path, layout: str) -> None:
    tensors = write(tmp_path, LAYOUTS[layout])
    model = PlainOla.load(tmp_path)
    parameters = checkpoint.sense_parameters(model) | dict(model.backbone.named_parameters())
    assert parameters.keys() == tensors.keys()
    for name, parameter in parameters.items():
        torch.testing.assert_close(parameter.data, tensors[name][: len(parameter)], rtol=0, atol=0)
    assert len(model.backbone.model.embed_tokens.weight) == ENTRIES


def test_sizes_come_from_the_encoders_files(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    config = described(tmp_path)
    assert config.hearing is not None
    assert config.hearing.whisper == SMALL.whisper
    assert config.hearing.beats == SMALL.beats
    assert config.speech_files == [str(tmp_path / WHISPER_FILE), str(tmp_path / BEATS_FILE)]


def test_sizes_come_from_the_tensors_where_there_is_no_file(tmp_path: Path) -> None:
    recipe = LAYOUTS["encoders in the shards only"]
    write(tmp_path, recipe)
    config = described(tmp_path)
    assert config.hearing is not None
    assert (config.hearing.whisper, config.hearing.beats) == (recipe.whisper, recipe.beats)
    assert config.speech_files == []


def test_a_whisper_of_unknown_heads_is_refused(tmp_path: Path) -> None:
    write(tmp_path, dataclasses.replace(SMALL, encoder_files=False))
    with pytest.raises(CheckpointError, match=r"Whisper encoder 48 wide .* put its \.pt file beside the checkpoint"):
        described(tmp_path)


def test_pickled_shards_are_refused(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    described(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=re.escape(f"{tmp_path} has .bin files and no safetensors")):
        described(tmp_path)


def described(folder: Path) -> OlaConfig:
    config = OlaConfig.from_pretrained(folder)
    describe_hearing(config, folder)
    assert isinstance(config, OlaConfig)
    return config


def changed(folder: Path, change: Callable[[Tensors], object], recipe: Recipe = SMALL) -> Path:
    """A checkpoint whose shards went through `change`."""
    write(folder, recipe)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    write_shards(folder, tensors)
    return folder


def refusal(folder: Path) -> dict[str, set[str]]:
    """Why a checkpoint is refused: tensor names by what is wrong with them."""
    with pytest.raises(CheckpointError) as error:
        PlainOla.load(folder)
    lists = re.findall(r"(\d+) (missing|left over|of the wrong size): ([^;]+)", str(error.value))
    for number, _, names in lists:
        assert int(number) == len(names.split(", "))
    return {what: set(names.split(", ")) for _, what, names in lists}


def test_all_that_is_wrong_is_listed(tmp_path: Path) -> None:
    def change(tensors: Tensors) -> None:
        del tensors["model.norm.weight"]
        del tensors["model.layers.1.mlp.up_proj.weight"]
        del tensors["model.vision_tower.vision_tower.blocks.1.norm2.bias"]
        tensors["model.layers.2.mlp.up_proj.weight"] = torch.ones(1)
        tensors["model.vision_tower.vision_tower.norm.weight"] = torch.ones(1)
        tensors["model.mm_projector.proj1.bias"] = torch.ones(31)
        tensors["model.layers.0.self_attn.k_proj.weight"] = torch.ones(32, 32)

    assert refusal(changed(tmp_path, change)) == {
        "missing": {
            "model.norm.weight",
            "model.layers.1.mlp.up_proj.weight",
            "model.vision_tower.vision_tower.blocks.1.norm2.bias",
        },
        "left over": {"model.layers.2.mlp.up_proj.weight", "model.vision_tower.vision_tower.norm.weight"},
        "of the wrong size": {"model.mm_projector.proj1.bias", "model.layers.0.self_attn.k_proj.weight"},
    }


def test_half_a_sense_of_hearing_is_no_checkpoint_without_speech(tmp_path: Path) -> None:
    def change(tensors: Tensors) -> None:
        for name in [name for name in tensors if name.startswith("model.speech_projector.")]:
            del tensors[name]

    assert "model.speech_projector.linear1.weight" in refusal(changed(tmp_path, change))["missing"]


def test_what_the_files_lack_or_have_too_much_is_listed(tmp_path: Path) -> None:
    tensors = write(tmp_path, dataclasses.replace(SMALL, encoders_in_shards=False))
    del tensors[WHISPER + "ln_post.bias"]
    tensors |= {WHISPER + "blocks.2.attn.query.bias": torch.ones(48), BEATS + "fc.weight": torch.ones(2)}
    tensors[BEATS + "encoder.layer_norm.bias"] = torch.ones(3)
    write_encoders(tmp_path, tensors, SMALL)
    assert refusal(tmp_path) == {
        "missing": {WHISPER + "ln_post.bias"},
        "left over": {WHISPER + "blocks.2.attn.query.bias", BEATS + "fc.weight"},
        "of the wrong size": {BEATS + "encoder.layer_norm.bias"},
    }


def test_the_backbone_s_account_is_kept_while_vllm_loads_it() -> None:
    wanted = backbone_shapes(SMALL.config())
    brought = {name: torch.ones(shape) for name, shape in wanted.items()}
    brought |= {"model.layers.0.mlp.up_proj.weight": torch.ones(1), "model.layers.7.mlp.up_proj.weight": torch.ones(1)}
    del brought["model.norm.weight"]
    ledger = Ledger({}, wanted, SMALL.vocabulary)
    passed_on = {name for name, _ in ledger.route(brought.items())}
    assert passed_on == wanted.keys() - {"model.norm.weight", "model.layers.0.mlp.up_proj.weight"}
    with pytest.raises(CheckpointError) as error:
        ledger.settle()
    assert str(error.value).endswith(
        "1 missing: model.norm.weight; 1 left over: model.layers.7.mlp.up_proj.weight; "
        "1 of the wrong size: model.layers.0.mlp.up_proj.weight"
    )


def test_a_switched_off_sense_is_neither_missing_nor_left_over() -> None:
    ledger = Ledger({}, {}, ENTRIES, ignored=(WHISPER,))
    assert list(ledger.route([(WHISPER + "conv1.bias", torch.ones(1))])) == []
    ledger.load([(WHISPER + "conv1.bias", torch.ones(1))], "file")
    ledger.settle()


def test_the_first_layer_s_position_table_is_enough(tmp_path: Path) -> None:
    def change(tensors: Tensors) -> None:
        for layer in (1, 2):
            del tensors[f"{BEATS}encoder.layers.{layer}.self_attn.relative_attention_bias.weight"]

    changed(tmp_path, change)
    rewritten(tmp_path / BEATS_FILE, lambda content: [content["model"].pop(name) for name in later(content["model"])])
    PlainOla.load(tmp_path)


def test_without_the_first_layer_s_position_table_it_is_missing(tmp_path: Path) -> None:
    table = "encoder.layers.0.self_attn.relative_attention_bias.weight"
    changed(tmp_path, lambda tensors: tensors.pop(BEATS + table))
    rewritten(tmp_path / BEATS_FILE, lambda content: content["model"].pop(table))
    assert refusal(tmp_path) == {"missing": {BEATS + table}}


def later(names: Tensors) -> list[str]:
    return [name for name in names if "relative_attention_bias" in name and ".layers.0." not in name]


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def test_the_files_win_over_the_shards_and_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tensors = write(tmp_path, SMALL)
    ours = {WHISPER + "ln_post.bias": torch.full((48,), 0.5), BEATS + "layer_norm.bias": torch.full((16,), 0.25)}
    write_encoders(tmp_path, tensors | ours, SMALL)
    with caplog.at_level(logging.WARNING, "engine.checkpoint"):
        model = PlainOla.load(tmp_path)
    parameters = checkpoint.sense_parameters(model)
    for name, value in ours.items():
        assert torch.equal(parameters[name].data, value)
    reports = [record.getMessage() for record in caplog.records]
    assert len(reports) == 2
    assert f"{tmp_path / WHISPER_FILE}: {WHISPER}ln_post.bias differs" in reports[0]
    assert f"{tmp_path / BEATS_FILE}: {BEATS}layer_norm.bias differs" in reports[1]


def test_a_file_from_before_archives_is_read(tmp_path: Path) -> None:
    tensors = write(tmp_path, SMALL)
    content = torch.load(tmp_path / WHISPER_FILE, weights_only=True)
    torch.save(content, tmp_path / WHISPER_FILE, _use_new_zipfile_serialization=False)
    parameters = checkpoint.sense_parameters(PlainOla.load(tmp_path))
    assert torch.equal(parameters[WHISPER + "conv1.weight"].data, tensors[WHISPER + "conv1.weight"])


def test_rounding_is_no_difference(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tensors = write(tmp_path, SMALL)
    shards = load_file(tmp_path / "model.safetensors")
    write_shards(tmp_path, {name: t.bfloat16() for name, t in shards.items()})  # as released
    with caplog.at_level(logging.WARNING, "engine.checkpoint"):
        model = PlainOla.load(tmp_path)
    assert not caplog.records
    name = BEATS + "encoder.layers.0.fc1.weight"
    assert torch.equal(checkpoint.sense_parameters(model)[name].data, tensors[name])


def test_a_file_beside_the_checkpoint_wins_over_the_config_s_path(tmp_path: Path) -> None:
    folder, elsewhere = moved_encoders(tmp_path)
    assert described(folder).speech_files == [str(elsewhere / WHISPER_FILE), str(elsewhere / BEATS_FILE)]
    (folder / WHISPER_FILE).symlink_to(elsewhere / WHISPER_FILE)
    assert described(folder).speech_files == [str(folder / WHISPER_FILE), str(elsewhere / BEATS_FILE)]
    PlainOla.load(folder)


def moved_encoders(path: Path) -> tuple[Path, Path]:
    """A checkpoint whose encoders' files lie in another folder, as its config says."""
    folder, elsewhere = path / "checkpoint", path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    write(folder, dataclasses.replace(SMALL, encoders_in_shards=False))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for key, name in (("speech_encoder", WHISPER_FILE), ("music_encoder", BEATS_FILE)):
        (folder / name).rename(elsewhere / name)
        config[key] = str(elsewhere / name)
    write_json(folder / "config.json", config)
    return folder, elsewhere


def test_the_hub_is_asked_for_what_is_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere = moved_encoders(tmp_path)
    hub = elsewhere.rename(tmp_path / "hub")
    asked: list[tuple[str, str]] = []

    def download(repo: str, name: str) -> str:
        asked.append((repo, name))
        return str(hub / name)

    monkeypatch.setattr(checkpoint, "hf_hub_download", download)
    assert described(folder).speech_files == [str(hub / WHISPER_FILE), str(hub / BEATS_FILE)]
    assert set(asked) == {("THUdyh/Ola_speech_encoders", name) for name in (WHISPER_FILE, BEATS_FILE)}


def test_encoders_that_nothing_names_are_refused(tmp_path: Path) -> None:
    folder, _ = moved_encoders(tmp_path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", config | {"speech_encoder": None})
    with pytest.raises(CheckpointError, match=r"No tensors model\.speech_encoder\.whisper_model\.\* .* names no file"):
        described(folder)


@pytest.mark.parametrize("name", ["model.embed_tokens.weight", "lm_head.weight"])
def test_a_vocabulary_smaller_than_the_tokenizer_is_refused(tmp_path: Path, name: str) -> None:
    changed(tmp_path, lambda tensors: tensors.update({name: tensors[name][: ENTRIES - 1].clone()}))
    with pytest.raises(CheckpointError, match=f"{name} has {ENTRIES - 1} rows for a tokenizer of {ENTRIES} entries"):
        PlainOla.load(tmp_path)


@pytest.mark.parametrize(("key", "value"), [("layer_norm_first", True), ("deep_norm", False), ("gru_rel_pos", False)])
def test_another_kind_of_beats_is_refused(tmp_path: Path, key: str, value: bool) -> None:
    write(tmp_path, SMALL)
    rewritten(tmp_path / BEATS_FILE, lambda content: content["cfg"].update({key: value}))
    with pytest.raises(CheckpointError, match=f"not supported: {{'{key}': {value}}}"):
        described(tmp_path)


class Evil:
    """What a pickle can do to who opens it."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("opened",)


@pytest.mark.parametrize("file", [WHISPER_FILE, BEATS_FILE])
@pytest.mark.parametrize("saved", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))])
def test_a_file_that_holds_more_than_tensors_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: Callable[[Any, Path], object], file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, SMALL)
    saved({"dims": Evil(), "cfg": Evil(), "model_state_dict": {}, "model": {}}, tmp_path / file)
    with pytest.raises(CheckpointError, match=re.escape(f"{tmp_path / file} is not")):
        described(tmp_path)
    assert not Path("opened").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", {"model": {}}, [1]])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: Any) -> None:
    write(tmp_path, SMALL)
    if isinstance(content, bytes):
        (tmp_path / WHISPER_FILE).write_bytes(content)
    else:
        torch.save(content, tmp_path / WHISPER_FILE)
    with pytest.raises(CheckpointError, match=re.escape(f"{tmp_path / WHISPER_FILE} is not")):
        described(tmp_path)
