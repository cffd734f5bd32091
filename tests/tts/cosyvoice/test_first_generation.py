"""CosyVoice's first generation: another tokenizer, language model and flow, overlapping chunks, 22.05 kHz."""

import sys
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from tests.tts.cosyvoice.speaking import TEXT, THEIR_WARNINGS, chunks_of, left_behind, recorded, settled, spoken
from tests.tts.cosyvoice.tiny import SPEAKERS, installed_code, recording
from tts.voice import VoiceError
from tts.voices.cosyvoice import CosyVoice, load_cosyvoice
from tts.voices.cosyvoice import likeness as likenesses
from tts.voices.cosyvoice.likeness import prompt

pytestmark = [pytest.mark.anyio, *THEIR_WARNINGS]


@pytest.fixture(autouse=True)
def its_own_windows(first_generation: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Matcha keeps windows of one length in the process, as for one model; the other tests' model has another."""
    audio = sys.modules["matcha.utils.audio"]
    for table in ("mel_basis", "hann_window"):
        monkeypatch.setattr(audio, table, {})


async def test_it_speaks(first_generation: CosyVoice) -> None:
    model = first_generation
    for voice in (*model.voices(), model.imitate(recorded())):
        once, again = [await spoken(voice, seed=1) for _ in range(2)]
        assert voice.sample_rate == 22_050
        assert np.array_equal(once, again)
        assert 0.1 < len(once) / 22_050 < 10
    assert left_behind(model) == 0


async def test_it_streams(first_generation: CosyVoice) -> None:
    chunks = await chunks_of(first_generation.voices()[0], 12 * TEXT)
    assert len(chunks) > 1
    # A hundred tokens of 50 a second, without what is blended with the next chunk.
    assert 1.2 < len(chunks[0]) / 22_050 < 2.4


async def test_closing_leaves_nothing_behind(first_generation: CosyVoice) -> None:
    async with aclosing(first_generation.voices()[0].synthesize(20 * TEXT)) as chunks:
        await anext(chunks)
        assert left_behind(first_generation) == 3
    await settled(first_generation)
    assert left_behind(first_generation) == 0


async def test_another_language_is_marked(first_generation: CosyVoice) -> None:
    own = first_generation._own
    heard = likenesses.listen(own, recording(1.0), "Hello there.", "en")
    assert heard.flow_tokens.shape == heard.tokens.shape == (1, 50)
    assert heard.features.shape[1] == pytest.approx(22_050 / 256, abs=1)
    said = prompt(own, 1, heard, "今天天气很好。", None, "")
    assert own.frontend.tokenizer.decode(said.text[0].tolist()) == "<|zh|>今天天气很好。"
    same = prompt(own, 1, heard, TEXT, None, "")
    assert own.frontend.tokenizer.decode(same.text[0].tolist()) == TEXT


async def test_instructions(first_generation: CosyVoice) -> None:
    with pytest.raises(VoiceError, match="no instructions together with a recording"):
        first_generation.imitate(recorded(), instructions="Whisper.")
    said = prompt(first_generation._own, 1, first_generation._known[SPEAKERS[0]], TEXT, None, "Whisper.")
    assert said.voice.shape[0] == 0
    assert first_generation._own.frontend.tokenizer.decode(said.before[0].tolist()) == "Whisper.<endofprompt>"
    assert len(await spoken(first_generation.voices(instructions="Whisper.")[0]))


def test_vllm_does_not_run_it(tmp_path: Path) -> None:
    names = ("cosyvoice.yaml", "llm.pt", "flow.pt", "hift.pt", "campplus.onnx", "speech_tokenizer_v1.onnx")
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(VoiceError, match="first generation"):
        load_cosyvoice(str(tmp_path), home=installed_code(), vllm=True)
