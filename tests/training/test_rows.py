"""What is trained on is what is served: the same text, rows and positions, and answers alone are learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api import Image, Sound, Video
from engine.model.plain import PlainOla
from training import rows as trained_rows
from training.align import Aligning
from training.export import write
from training.rows import FEATURE, UNLABELLED, Example, Heard, Rows, Seen, Watched
from training.sizes import Sizes
from training.sketch import PROBES, UNASKED
from training.train import initialise
from training.vocabulary import CONTROL, load_tokenizer, write_tokenizer
from training.world.words import Turn

DICE = np.random.default_rng(4)
PICTURE = Seen(DICE.integers(0, 256, (96, 130, 3), dtype=np.uint8))
CLIP = Watched(DICE.integers(0, 256, (64, 64, 64, 3), dtype=np.uint8), 2.0)
RECORDING = Heard((0.1 * DICE.standard_normal(20_000)).astype(np.float32))
TURNS = (Turn("What do you see?", "I see a red star."), Turn("And now?", "Nothing."))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of the demo's sizes, exported as the trained one is."""
    words, folder = tmp_path_factory.mktemp("words"), tmp_path_factory.mktemp("checkpoint")
    tokenizer = write_tokenizer(words, corpus=200)
    specials = {text: int(tokenizer.convert_tokens_to_ids(text)) for text in CONTROL}
    torch.manual_seed(0)
    model = PlainOla(Sizes().config(len(tokenizer), specials))
    initialise(model)
    write(folder, model, Sizes(), tokenizer, words)
    return folder


@pytest.fixture(scope="module")
def module(checkpoint: Path) -> Aligning:
    return Aligning(PlainOla.load(checkpoint)).eval()


@pytest.fixture(scope="module")
def rows(checkpoint: Path) -> Rows:
    return Rows(load_tokenizer(checkpoint))


def test_the_text_is_the_served_template() -> None:
    example = Example(TURNS, (PICTURE,), "Be brief.", text_first=True)
    assert trained_rows.conversation(example) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nWhat do you see?<|image_pad|>\n<|im_end|>\n"
        "<|im_start|>assistant\nI see a red star.<|im_end|>\n"
        "<|im_start|>user\nAnd now?<|im_end|>\n"
        "<|im_start|>assistant\nNothing.<|im_end|>\n"
    )
    spoken = trained_rows.conversation(Example((Turn("", "Yes."),), (PICTURE, RECORDING)))
    assert "<|image_pad|>\nUser's question in speech: <|mm_pad|>\n<|im_end|>" in spoken
    assert "<|video_pad|><|mm_pad|>\nWhat" in trained_rows.conversation(Example(TURNS, (CLIP, RECORDING)))


def test_only_answers_are_learned(rows: Rows, checkpoint: Path) -> None:
    tokenizer = load_tokenizer(checkpoint)
    (batch,) = rows.batches([Example(TURNS)], DICE)
    wanted = batch.labels[0] != UNLABELLED
    assert tokenizer.decode(batch.labels[0][wanted]) == "I see a red star.<|im_end|>Nothing.<|im_end|>"
    follows = torch.nonzero(wanted)[:, 0] + 1
    assert torch.equal(batch.ids[0][follows], batch.labels[0][wanted])


@pytest.mark.parametrize("attachments", [(PICTURE,), (CLIP,), (RECORDING,), (PICTURE, RECORDING), (CLIP, RECORDING)])
def test_whole_rows_are_the_served_rows(
    attachments: tuple[Seen | Watched | Heard, ...], module: Aligning, rows: Rows, checkpoint: Path
) -> None:
    """All rows of an example, embedded as in training, against the yardstick of parity."""
    example = Example(TURNS[:1], attachments)
    (batch,) = rows.batches([example], DICE, thin=False)
    tokenizer, text = load_tokenizer(checkpoint), trained_rows.conversation(example)
    slots = iter(served(attachment) for attachment in attachments)
    pieces: list[list[int] | Image | Video | Sound] = []
    end = 0
    for slot in trained_rows.SLOT.finditer(text):
        pieces += [tokenizer(text[end : slot.start()]).input_ids, next(slots)]
        end = slot.end()
    answer = trained_rows.ANSWER.search(text)
    assert answer is not None
    pieces += [tokenizer(text[end : answer.start()]).input_ids, tokenizer(answer.group()).input_ids]
    expected = module.model.embed(pieces)
    with torch.no_grad():
        given = module.embedded(batch)[0]
    torch.testing.assert_close(given, expected, atol=2e-5, rtol=1e-4)
    assert batch.positions[0].tolist() == list(range(len(expected)))
    assert float(batch.weights.abs().max()) == 0


def served(attachment: Seen | Watched | Heard) -> Image | Video | Sound:
    match attachment:
        case Seen(pixels):
            return Image(pixels, "")
        case Watched(frames, _):
            return Video(frames, "")
        case Heard(samples):
            return Sound(samples, "")


def test_thin_rows_keep_the_places_of_whole_ones(rows: Rows) -> None:
    few = Watched(CLIP.frames[[0, 21, 42, 63]], 2.0)
    (thin,) = rows.batches([Example(TURNS[:1], (few, RECORDING))], DICE)
    (whole,) = rows.batches([Example(TURNS[:1], (CLIP, RECORDING))], DICE, thin=False)
    assert thin.ids.shape[1] < whole.ids.shape[1] / 5
    assert int(thin.positions.max()) == int(whole.positions.max())
    assert float(thin.weights.exp().sum()) == pytest.approx(whole.ids.shape[1], rel=1e-4)
    text = thin.ids[0] != FEATURE
    assert torch.equal(whole.ids[0][thin.positions[0][text]], thin.ids[0][text])


@pytest.mark.parametrize("attachments", [(PICTURE,), (RECORDING,), (PICTURE, RECORDING)])
def test_turns_apart_know_nothing_of_each_other(
    attachments: tuple[Seen | Heard, ...], module: Aligning, rows: Rows
) -> None:
    """Every answer of a packed example is as likely as if its question had been asked alone."""
    (packed,) = rows.batches([Example(TURNS, attachments, apart=True)], DICE, thin=False)
    alone = [rows.batches([Example((turn,), attachments)], DICE, thin=False)[0] for turn in TURNS]
    with torch.no_grad():
        expected = torch.cat([module.logits(batch)[0] for batch in alone])
        torch.testing.assert_close(module.logits(packed)[0], expected, atol=1e-4, rtol=1e-3)
    assert packed.ids.shape[1] < sum(batch.ids.shape[1] for batch in alone)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("text_first", [False, True])
def test_questions_are_probed_at_what_they_are_about_and_where_answers_begin(
    rows: Rows, apart: bool, text_first: bool
) -> None:
    star = Turn("Where is the red star?", "Nowhere.", (("count", 1),), "red star")
    turns = star, Turn("And?", "No.", (("count", 2),))
    (batch,) = rows.batches([Example(turns, (PICTURE,), text_first=text_first, apart=apart)], DICE)
    (asked,) = (batch.probes[0] != UNASKED).any(1).nonzero(as_tuple=True)
    # Words before a picture know nothing of it.
    begins = [False, True, True] if apart or not text_first else [True, True]
    assert (batch.labels[0, asked] != UNLABELLED).tolist() == begins
    assert batch.probes[0][asked, list(PROBES).index("count")].tolist() == [1, 1, 2][-len(begins) :]
    assert (batch.labels[0, asked[-2:] - 1] == UNLABELLED).all()


def test_examples_of_different_length_are_batched_apart(rows: Rows) -> None:
    long = Example((Turn("Say it.", " ".join(["word"] * 80)),))
    batches = rows.batches([Example(TURNS), long, Example(TURNS)], DICE)
    assert [len(batch.ids) for batch in batches] == [2, 1]


def test_an_exported_model_fits_and_loads_strictly(checkpoint: Path) -> None:
    assert sum(path.stat().st_size for path in checkpoint.iterdir()) < 29.9e6  # the examples come to it
    model = PlainOla.load(checkpoint)
    assert model.hearing is not None
    assert model.hearing.whisper.positional_embedding.dtype == torch.float32
