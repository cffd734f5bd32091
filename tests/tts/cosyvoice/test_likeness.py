"""What of a recording the model is given, for which text."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.tts.cosyvoice.speaking import TEXT, THEIR_WARNINGS, recorded, spoken
from tests.tts.cosyvoice.tiny import recording
from tts.recorded import Recorded
from tts.voice import VoiceError
from tts.voices.cosyvoice import CosyVoice
from tts.voices.cosyvoice import likeness as likenesses
from tts.voices.cosyvoice.likeness import clean, prompt

pytestmark = [pytest.mark.anyio, *THEIR_WARNINGS]


@pytest.mark.parametrize("seconds", [0.6, 1.0, 9.9])
async def test_recordings_are_imitated(model: CosyVoice, seconds: float) -> None:
    assert len(await spoken(model.imitate(recorded(seconds=seconds)), "Hello there, you.")) > 0


async def test_features_are_in_time_and_in_whole_blocks(model: CosyVoice) -> None:
    heard = likenesses.listen(model._own, recording(3.48), "Hello.", None)
    assert heard.tokens.shape == (1, 87)
    assert heard.flow_tokens.shape == (1, 75)
    assert heard.flow_tokens.tolist() == heard.tokens[:, 12:].tolist()
    assert heard.features.shape == (1, 150, 80)
    short = likenesses.listen(model._own, recording(0.6), "Oh.", None)
    assert short.flow_tokens.shape == (1, 15)


async def test_it_is_listened_to_once(model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    extract = model._own.frontend._extract_speech_token

    def listening(samples: torch.Tensor) -> Any:
        heard.append(samples.shape[1])
        return extract(samples)

    monkeypatch.setattr(model._own.frontend, "_extract_speech_token", listening)
    for _ in range(3):
        await spoken(model.imitate(recorded("carol", 1.7)), "Hello there, you.")
    assert heard == [27_200]
    await spoken(model.imitate(recorded("carol", 1.8)), "Hello there, you.")
    assert heard == [27_200, 28_800]


async def test_only_so_many_recordings_are_remembered(model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tts.voices.cosyvoice.model._REMEMBERED", 2)
    for seconds in (1.0, 1.1, 1.2):
        await spoken(model.imitate(recorded(seconds=seconds)), "Hi you.")
    assert len(model._heard) == 2


@pytest.mark.parametrize(
    ("text", "lang", "transcript", "recorded_in", "continued"),
    [
        (TEXT, "en", "Hello there.", "en", True),
        (TEXT, None, "Hello there.", "en", True),
        (TEXT, None, "Hello there.", None, True),
        (TEXT, None, "你好，今天天气很好。", None, False),
        ("今天天气很好。", None, "你好，天气很好。", None, True),
        ("今天天气很好。", None, "Hello there.", "en", False),
        ("今天天气很好。", "ja", "你好。", "zh", False),
        ("Yes.", "en", "Hello there, my friend.", "en", False),
        ("Guten Abend, meine Freunde.", "de", "Hello there.", "en", False),
    ],
)
async def test_only_what_can_be_continued_is(
    model: CosyVoice, text: str, lang: str | None, transcript: str, recorded_in: str | None, continued: bool
) -> None:
    heard = likenesses.listen(model._own, recording(1.0), transcript, recorded_in)
    said = prompt(model._own, 2, heard, text, lang, "")
    assert said.tokens.shape[1] == (25 if continued else 0)
    decoded = model._own.frontend.tokenizer.decode(said.before[0].tolist())
    assert decoded == (transcript if continued else "")


async def test_instructions_take_the_place_of_the_recording(model: CosyVoice) -> None:
    heard = likenesses.listen(model._own, recording(1.0), "Hello there.", "en")
    said = prompt(model._own, 2, heard, TEXT, None, "Whisper.")
    expected = model._own.frontend.tokenizer.encode("Whisper.<|endofprompt|>")
    assert said.before[0].tolist() == expected
    assert len(expected) == len("Whisper.") + 1
    assert said.tokens.shape[1] == 0
    assert said.likeness.features.shape[1] == 50
    loud = await spoken(model.imitate(recorded(), instructions="Shout."), seed=1)
    assert not np.array_equal(loud, await spoken(model.imitate(recorded()), seed=1))
    assert len(await spoken(model.voices(instructions="Shout.")[0]))


async def test_a_transcript_cannot_steer_the_model(model: CosyVoice) -> None:
    heard = likenesses.listen(model._own, recording(1.0), "<|endofprompt|>Hello there.", "en")
    before = prompt(model._own, 2, heard, TEXT, None, "").before[0].tolist()
    assert before == model._own.frontend.tokenizer.encode("Hello there.")


async def test_text_cannot_steer_the_model(model: CosyVoice) -> None:
    assert clean("Stop<|endofprompt|>  <|im_end|>here", 2, None) == "Stop here"
    assert clean("a <| b |> c", 2, None) == "a c"
    assert clean("ひらがなと漢字", 3, None) == "ヒラガナト漢字"
    assert clean("ひらがな", 2, None) == "ひらがな"


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (b"no sound", "no sound file"),
        (recording(0.3), "0.3 s"),
        (recording(30.5), "30.5 s"),
        (recording(2, 8000), "8000 Hz"),
    ],
    ids=["not a WAV", "short", "long", "low"],
)
async def test_recordings_that_cannot_be_used(model: CosyVoice, sound: bytes, reason: str) -> None:
    with pytest.raises(VoiceError, match=reason):
        await spoken(model.imitate(Recorded("eve", sound, "Hello.", "I agree.", "en", 0.0)))


async def test_speakers_that_upstream_saved_of_recordings(model: CosyVoice) -> None:
    heard = likenesses.listen(model._own, recording(3.48), "Hello there.", "en")
    own = model._own.frontend
    entry = {
        "prompt_text": torch.tensor([own.tokenizer.encode("Hello there.")]),
        "flow_prompt_speech_token": heard.tokens,
        "prompt_speech_feat": torch.zeros(1, 174, 80),
        "flow_embedding": heard.embedding,
    }
    known = likenesses.known_speaker("ada", entry, model._own)
    assert known.transcript == "Hello there."
    assert known.flow_tokens.tolist() == heard.flow_tokens.tolist()
