"""The bank, with the real eSpeak NG in its own program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training.world import speech
from training.world.speech import FRAME, HELD_OUT, TRAINED, VOICES, Bank, SpeechError, Utterance, build, phoneme, placed
from training.world.words import transcript

_TEXTS = (
    *("Where is the blue square?", "Yes, it's in the top left.", "Monday, Tuesday, Wednesday.", "I don't know."),
    *("The square is in the bottom right.", "Where is the blue square?", "Seven.", "I hear, at last, a bell!"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speech, "_SHARD", 3)
        build(folder, _TEXTS, 1, processes=2)
    return folder


@pytest.fixture
def bank(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    monkeypatch.setattr(speech, "_SHARD", 3)
    return Bank(folder)


def _loudness(utterance: Utterance) -> NDArray[np.float32]:
    whole = np.pad(utterance.samples, (0, -len(utterance.samples) % FRAME)).reshape(-1, FRAME)
    return np.asarray(np.sqrt(np.square(whole).mean(axis=1)))


def _order(utterance: Utterance) -> list[int]:
    labels = utterance.words
    return [int(label) for label, last in zip(labels, [-1, *labels[:-1]], strict=True) if label not in (-1, last)]


def test_every_utterance_speaks_its_words_in_order(bank: Bank) -> None:
    assert bank.texts == list(_TEXTS)
    for utterance in (bank[place] for place in range(len(bank))):
        frames = -(-len(utterance.samples) // FRAME)
        assert len(utterance.words) == len(utterance.phonemes) == frames
        assert np.abs(utterance.samples).max() <= 1
        assert _order(utterance) == list(range(len(transcript(utterance.text).split())))


def test_labelled_frames_sound_and_others_do_not(bank: Bank) -> None:
    utterances = [bank[place] for place in range(len(bank))]
    loudness = np.concatenate([_loudness(utterance) for utterance in utterances])
    for labelled in (
        np.concatenate([utterance.words for utterance in utterances]) >= 0,
        np.concatenate([utterance.phonemes for utterance in utterances]) > 0,
    ):
        assert np.median(loudness[labelled]) > 10 * np.median(loudness[~labelled])
    # A word after a pause begins where it is heard.
    monday = bank.find("Monday, Tuesday, Wednesday.", np.random.default_rng(0))
    begin = int(np.argmax(monday.words == 1))
    assert _loudness(monday)[begin - 3 : begin - 1].max() < 0.1 * _loudness(monday)[begin : begin + 6].max()


def test_phonemes_are_those_of_the_sentence(bank: Bank) -> None:
    heard = bank.find("Seven.", np.random.default_rng(0)).phonemes
    names = [bank.phonemes[label] for label, last in zip(heard, [-1, *heard[:-1]], strict=True) if label != last]
    assert [name for name in names if name in ("s", "v", "n")] == ["s", "v", "n"]


def test_names_of_one_sound_are_one_phoneme() -> None:
    assert phoneme("'aI2") == phoneme("aI") > 0
    assert phoneme("t#") == phoneme("t[") == phoneme("t")
    assert phoneme("_:") == phoneme("_") == phoneme("unheard of") == 0
    assert phoneme("3") != phoneme("3:")


def test_finds_by_words(bank: Bank) -> None:
    dice = np.random.default_rng(0)
    lengths = {len(bank.find("Where is the blue square?", dice).samples) for _ in range(20)}
    assert lengths == {len(bank[0].samples), len(bank[5].samples)}
    assert bank.any(dice).text in _TEXTS
    assert bank.find("where is the blue square", dice).text == "Where is the blue square?"
    assert "where is the blue square" in bank
    assert "Where is the pink square?" not in bank
    with pytest.raises(KeyError):
        bank.find("Where is the pink square?", dice)


def test_an_interrupted_build_goes_on_to_the_same_bank(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "_SHARD", 3)
    build(tmp_path, _TEXTS, 1)
    kept = (tmp_path / "0000.samples.npy").stat().st_mtime_ns
    (tmp_path / "0001.json").unlink()
    (tmp_path / "0001.samples.npy").write_bytes((tmp_path / "0001.samples.npy").read_bytes()[:1000])
    with pytest.raises(SpeechError, match="not finished"):
        Bank(tmp_path)
    heard: list[tuple[int, int]] = []
    build(tmp_path, _TEXTS, 1, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(2, 3), (3, 3)]
    assert (tmp_path / "0000.samples.npy").stat().st_mtime_ns == kept
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in tmp_path.iterdir()
    }


def test_another_bank_is_not_built_over(folder: Path) -> None:
    with pytest.raises(SpeechError, match="another seed"):
        build(folder, _TEXTS, 2)


def test_no_bank(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="no bank"):
        Bank(tmp_path)


@pytest.mark.parametrize("voice", ["xx-nobody", "en-us+nobody"])
def test_an_unknown_voice_is_refused(tmp_path: Path, voice: str) -> None:
    with pytest.raises(SpeechError, match="nobody"):
        build(tmp_path, ["Hello."], 1, voices=[voice])


@pytest.mark.parametrize("text", ["I see 7 stars.", "?!", ""])
def test_what_is_not_written_in_words_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpeechError, match="words"):
        build(tmp_path, [text], 1)


def test_every_voice_exists_and_sounds_different(tmp_path: Path) -> None:
    assert len(set(VOICES)) == 44
    assert len(TRAINED) == 38
    assert not set(TRAINED) & set(HELD_OUT)
    order = {"text": "Square path.", "wpm": 190, "pitch": 50}
    heard = [samples.tobytes() for samples, _ in speech._spoken([order | {"voice": voice} for voice in VOICES])]
    assert len(set(heard)) == len(VOICES)


def test_placed_shifts_the_labels(bank: Bank) -> None:
    utterance = bank[0]
    later = placed(utterance, 1000, 500)
    frames = len(utterance.words)
    assert len(later.samples) == FRAME * len(later.words) == FRAME * (4 + frames + 2)
    assert not later.samples[: 4 * FRAME].any()
    assert (later.samples[4 * FRAME :][: len(utterance.samples)] == utterance.samples).all()
    assert later.words.tolist() == [-1] * 4 + utterance.words.tolist() + [-1] * 2
    assert later.phonemes.tolist() == [0] * 4 + utterance.phonemes.tolist() + [0] * 2
