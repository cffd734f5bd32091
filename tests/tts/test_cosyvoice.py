"""CosyVoice through its own loading and streaming code, with tiny random models of its generations, on the CPU.

The code of the first two is a copy that a package on PyPI holds. No package holds that of the third: its test runs
where COSYVOICE_HOME names an upstream checkout.
"""

import gc
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import aclosing
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
import pytest
import torch

from engine.model.beats import FBANK_MEAN, FBANK_STD, KaldiFbank
from tests.tts.tiny_cosyvoice import SPEAKERS, build, installed_code, recording
from tts.recorded import Imitator, Recorded
from tts.voice import Voice, VoiceError
from tts.voices.cosyvoice import CosyVoice, load_cosyvoice
from tts.voices.cosyvoice import likeness as likenesses
from tts.voices.cosyvoice import speech as speeches
from tts.voices.cosyvoice.fbank import fbank
from tts.voices.cosyvoice.likeness import clean, prompt
from tts.voices.cosyvoice.repairs import check_cache, check_types, seed_requests
from tts.voices.cosyvoice.tempo import Tempo

pytestmark = [
    pytest.mark.anyio,
    # CosyVoice's code, on every chunk and not ours to change.
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning"),
]

TEXT = "A somewhat longer text to be said here."
SAMPLES = 960
"""In a token of 24 kHz speech."""
CHECKOUT = os.environ.get("COSYVOICE_HOME")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CosyVoice2."""
    folder = tmp_path_factory.mktemp("cosyvoice") / "tiny2"
    build(2, folder, installed_code())
    return folder


@pytest.fixture(scope="session")
def model(folder: Path) -> Iterator[CosyVoice]:
    model = load_cosyvoice(str(folder), home=installed_code(), slots=4)
    yield model
    anyio.run(model.close)


@pytest.fixture(scope="session")
def first_generation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosyVoice]:
    folder = tmp_path_factory.mktemp("cosyvoice") / "tiny1"
    build(1, folder, installed_code())
    model = load_cosyvoice(str(folder), home=installed_code())
    yield model
    anyio.run(model.close)


def recorded(
    name: str = "ada", seconds: float = 2.0, transcript: str = "Hello there.", lang: str | None = "en"
) -> Recorded:
    return Recorded(name, recording(seconds), transcript, "I agree.", lang, 0.0)


def link(folder: Path, into: Path, without: str) -> None:
    """Give another folder the same files but one."""
    for file in folder.iterdir():
        if file.name != without:
            (into / file.name).symlink_to(file)


async def chunks_of(voice: Voice, text: str = TEXT, **how: Any) -> list[npt.NDArray[np.int16]]:
    async with aclosing(voice.synthesize(text, **how)) as chunks:
        return [np.frombuffer(chunk, "<i2") async for chunk in chunks]


async def spoken(voice: Voice, text: str = TEXT, **how: Any) -> npt.NDArray[np.int16]:
    return np.concatenate(await chunks_of(voice, text, **how))


async def settled(model: CosyVoice) -> None:
    """Wait until every unit had a turn: those that were stopped are then gone."""

    def nothing() -> Generator[bytes | None, None, None]:
        yield b"."

    assert [chunk async for chunk in model._turns.results(nothing)] == [b"."]


def left_behind(model: CosyVoice) -> int:
    """Entries in the model's tables of sessions."""
    own = model._own.model
    names = ("tts_speech_token_dict", "llm_end_dict", "hift_cache_dict", "mel_overlap_dict", "flow_cache_dict")
    return sum(len(getattr(own, name, {})) for name in names)


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class TestLoading:
    """What can be wrong with a folder or the code."""

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(VoiceError, match=r"no folder .*nowhere"):
            load_cosyvoice(str(tmp_path / "nowhere"), home=installed_code())

    def test_a_folder_of_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(VoiceError, match=r"cosyvoice3\.yaml"):
            load_cosyvoice(str(tmp_path), home=installed_code())

    def test_a_folder_that_lacks_files(self, tmp_path: Path) -> None:
        (tmp_path / "cosyvoice2.yaml").touch()
        with pytest.raises(VoiceError, match=r"llm\.pt, .*CosyVoice-BlankEN"):
            load_cosyvoice(str(tmp_path), home=installed_code())

    @pytest.mark.parametrize("name", ["llm.pt", "cosyvoice2.yaml", "campplus.onnx"])
    def test_a_corrupt_file(self, folder: Path, tmp_path: Path, name: str) -> None:
        link(folder, tmp_path, without=name)
        (tmp_path / name).write_bytes(b"!corrupt: [" * 50)
        with pytest.raises(VoiceError, match="cannot be loaded"):
            load_cosyvoice(str(tmp_path), home=installed_code())

    def test_weights_of_another_model(self, folder: Path, tmp_path: Path) -> None:
        link(folder, tmp_path, without="flow.pt")
        torch.save({"some.weight": torch.zeros(1)}, tmp_path / "flow.pt")
        with pytest.raises(VoiceError, match="cannot be loaded: RuntimeError"):
            load_cosyvoice(str(tmp_path), home=installed_code())

    def test_a_speaker_without_an_embedding(self, folder: Path, tmp_path: Path) -> None:
        link(folder, tmp_path, without="spk2info.pt")
        torch.save({"nobody": {"speech_feat": torch.zeros(1)}}, tmp_path / "spk2info.pt")
        with pytest.raises(VoiceError, match="nobody"):
            load_cosyvoice(str(tmp_path), home=installed_code())

    def test_a_hub_id_without_a_network(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        import huggingface_hub.constants

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(VoiceError, match="no folder and cannot be had"):
            load_cosyvoice("FunAudioLLM/CosyVoice2-0.5B", home=installed_code())

    def test_a_home_without_the_code(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(VoiceError, match="no CosyVoice checkout"):
            load_cosyvoice(str(folder), home=tmp_path)

    def test_a_checkout_without_its_submodule(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "cosyvoice" / "cli").mkdir(parents=True)
        (tmp_path / "cosyvoice" / "cli" / "cosyvoice.py").touch()
        (tmp_path / "third_party" / "Matcha-TTS").mkdir(parents=True)
        with pytest.raises(VoiceError, match="git submodule update"):
            load_cosyvoice(str(folder), home=tmp_path)

    def test_code_that_is_nowhere(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "matcha")  # as in a process that has loaded none yet
        with pytest.raises(VoiceError, match="no cosyvoice_home was named"):
            load_cosyvoice(str(folder))

    def test_code_that_is_too_old(self, tmp_path: Path) -> None:
        (tmp_path / "CosyVoice-BlankEN").mkdir()
        names = ("cosyvoice3.yaml", "llm.pt", "flow.pt", "hift.pt", "campplus.onnx", "speech_tokenizer_v3.onnx")
        for name in (*names, "CosyVoice-BlankEN/config.json"):
            (tmp_path / name).touch()
        with pytest.raises(VoiceError, match="too old: it has no CosyVoice3"):
            load_cosyvoice(str(tmp_path), home=installed_code())

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    @pytest.mark.parametrize("switch", ["fp16", "tensorrt"])
    def test_switches_that_need_a_gpu_are_not_ignored(self, folder: Path, switch: str) -> None:
        with pytest.raises(VoiceError, match="CUDA"):
            load_cosyvoice(str(folder), home=installed_code(), **{switch: True})

    def test_the_process_is_left_as_it_was(self, folder: Path) -> None:
        def state() -> list[Any]:
            root = logging.getLogger()
            numbers = (
                random.getstate()[1],
                np.random.get_state(legacy=False)["state"]["key"].tolist(),
                torch.get_rng_state().tolist(),
            )
            modules = [name for name in ("torchaudio", "modelscope", "wetext", "matcha.utils") if name in sys.modules]
            return [root.level, list(root.handlers), *numbers, list(sys.path), modules]

        random.seed(5)
        torch.manual_seed(5)
        before = state()
        anyio.run(load_cosyvoice(str(folder), home=installed_code()).close)
        assert state() == before


class TestRepairs:
    """Each known fault of the code: there without the repair, gone with it."""

    async def test_a_step_sees_the_whole_cache(self, model: CosyVoice) -> None:
        encoder = model._own.model.llm.llm
        check_cache(encoder)
        theirs = SimpleNamespace(model=encoder.model)
        theirs.forward_one_step = lambda *step: type(encoder).forward_one_step(encoder, *step)
        with pytest.raises(VoiceError, match="garbled"):
            check_cache(theirs)

    def test_a_model_whose_steps_see_too_little_is_refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def theirs(encoder: Any, xs: torch.Tensor, masks: torch.Tensor, cache: Any = None) -> Any:
            return type(encoder).forward_one_step(encoder, xs, masks, cache)

        monkeypatch.setattr("tts.voices.cosyvoice.repairs._one_step", theirs)
        with pytest.raises(VoiceError, match="garbled"):
            load_cosyvoice(str(folder), home=installed_code())

    async def test_the_language_model_is_float32_whatever_its_config_says(self, model: CosyVoice, folder: Path) -> None:
        from transformers import Qwen2ForCausalLM

        assert Qwen2ForCausalLM.from_pretrained(folder / "CosyVoice-BlankEN").dtype == torch.bfloat16
        assert {parameter.dtype for parameter in model._own.model.llm.parameters()} == {torch.float32}
        with pytest.raises(VoiceError, match="bfloat16"):
            check_types(torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).bfloat16()]))

    async def test_no_mark_ends_speech_too_early(self, model: CosyVoice) -> None:
        llm = model._own.model.llm
        scores = torch.full((llm.speech_token_size + 3,), -20.0)
        scores[-3:] = 0.0
        assert int(llm.sampling_ids(scores.clone(), [], 25, ignore_eos=False)) >= llm.speech_token_size
        for _ in range(20):
            assert int(llm.sampling_ids(scores.clone(), [], 25, ignore_eos=True)) < llm.speech_token_size

    async def test_no_request_changes_the_chunks_of_a_later_one(self, model: CosyVoice) -> None:
        before = model._own.model.token_hop_len
        lengths = [[len(chunk) for chunk in await chunks_of(model.voices()[0], seed=4)] for _ in range(2)]
        assert lengths[0] == lengths[1]
        assert model._own.model.token_hop_len == before

    async def test_its_own_threads_and_tables_are_not_used(self, model: CosyVoice) -> None:
        threads = set(threading.enumerate())
        async with aclosing(model.voices()[0].synthesize(TEXT)) as chunks:
            await anext(chunks)
            assert set(threading.enumerate()) <= threads
            assert left_behind(model) == 1
        await settled(model)
        assert left_behind(model) == 0

    async def test_nothing_that_is_said_is_logged(self, model: CosyVoice, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            await spoken(model.voices()[0], "A secret.")
        assert "secret" not in caplog.text

    async def test_the_text_is_not_cut_again_nor_its_points_changed(self, model: CosyVoice) -> None:
        frontend = model._own.frontend
        text = "圆周率约等于3.14。" * 40
        said = prompt(model._own, 2, model._known[SPEAKERS[0]], text, None, "")
        assert frontend.tokenizer.decode(said.text[0].tolist()) == text


class TestSound:
    """What is heard."""

    async def test_voices_are_the_speakers_that_the_model_knows(self, model: CosyVoice) -> None:
        voices: list[Voice] = [*model.voices()]
        assert tuple(voice.name for voice in voices) == SPEAKERS
        assert {voice.sample_rate for voice in voices} == {24_000}
        assert {voice.slots for voice in voices} == {4}
        imitator: Imitator = model
        assert imitator.imitate(recorded()).name == "ada"

    async def test_a_chunk_is_as_long_as_the_sound_before_it(self, model: CosyVoice) -> None:
        for voice in (*model.voices(), model.imitate(recorded(seconds=3.48))):
            lengths = [len(chunk) for chunk in await chunks_of(voice, 2 * TEXT)]
            # Of each chunk 8 frames of 480 samples wait, to be blended with the next one.
            assert lengths[:3] == [25 * SAMPLES - 8 * 480, 25 * SAMPLES, 50 * SAMPLES]
            assert sum(lengths) % SAMPLES == 0
            assert sum(lengths) >= 2 * len(2 * TEXT) * SAMPLES

    async def test_sound_is_finite_and_not_silent(self, model: CosyVoice) -> None:
        samples = await spoken(model.voices()[0])
        assert 50 < np.abs(samples.astype(int)).max() < 32767

    async def test_the_tokens_are_those_of_its_own_code(
        self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[list[int]] = []
        own, token2wav = model._own, model._own.model.token2wav

        def listening(**question: Any) -> Any:
            if question["finalize"]:
                said.append(question["token"][0].tolist())
            return token2wav(**question)

        monkeypatch.setattr(own.model, "token2wav", listening)
        torch.manual_seed(3)
        theirs = list(own.inference_sft(TEXT, SPEAKERS[0], stream=False, text_frontend=False))
        ours = await spoken(model.voices()[0], seed=3)
        assert said[0] == said[1]
        assert len(ours) == theirs[0]["tts_speech"].shape[1]

    async def test_one_seed_is_one_speech(self, model: CosyVoice) -> None:
        voice = model.imitate(recorded())
        once, again, other = [await spoken(voice, seed=seed) for seed in (1, 1, 2)]
        assert np.array_equal(once, again)
        assert not np.array_equal(once[: len(other)], other[: len(once)])

    async def test_together_they_say_what_each_says_alone(self, model: CosyVoice) -> None:
        texts = ["A few words.", "And some more words than before.", "你好，今天天气很好。", TEXT]
        voices = [*model.voices(), model.imitate(recorded()), model.imitate(recorded("bob", 1.0))]
        alone = [await spoken(voice, text, seed=7) for voice, text in zip(voices, texts, strict=True)]
        together: dict[int, npt.NDArray[np.int16]] = {}

        async def speak(number: int) -> None:
            together[number] = await spoken(voices[number], texts[number], seed=7)

        async with anyio.create_task_group() as tasks:
            for number in range(len(texts)):
                tasks.start_soon(speak, number)
        for number, samples in enumerate(alone):
            assert np.array_equal(samples, together[number])

    async def test_slots_are_shared(self, folder: Path) -> None:
        model = load_cosyvoice(str(folder), home=installed_code(), slots=1)
        most = 0

        async def speak(voice: Voice) -> None:
            nonlocal most
            async with aclosing(voice.synthesize("Hello there.")) as chunks:
                async for _ in chunks:
                    most = max(most, model.busy)

        async with anyio.create_task_group() as tasks:
            for voice in (*model.voices(), model.imitate(recorded())):
                tasks.start_soon(speak, voice)
        assert most <= 1
        await model.close()

    @pytest.mark.parametrize("speed", [0.25, 0.7, 2.0])
    async def test_speed_is_kept_while_streaming(self, model: CosyVoice, speed: float) -> None:
        plain = await spoken(model.voices()[0], seed=1)
        chunks = await chunks_of(model.voices()[0], seed=1, speed=speed)
        assert sum(map(len, chunks)) == pytest.approx(len(plain) / speed, rel=0.05)
        assert len(chunks) > 1

    async def test_a_speed_that_nobody_could_follow(self, model: CosyVoice) -> None:
        with pytest.raises(VoiceError, match="Speed 9"):
            await spoken(model.voices()[0], speed=9.0)

    @pytest.mark.parametrize("text", ["", "  \n", "…", "?!"])
    async def test_nothing_to_say_is_no_sound(self, model: CosyVoice, text: str) -> None:
        assert await chunks_of(model.voices()[0], text) == []

    async def test_a_language_that_it_does_not_speak(self, model: CosyVoice) -> None:
        with pytest.raises(VoiceError, match="'ru', only zh"):
            await spoken(model.voices()[0], "Добрый вечер, друзья.")
        with pytest.raises(VoiceError, match="'de'"):
            await spoken(model.voices()[0], "Guten Abend.", lang="de")

    async def test_it_warms_up_once_and_needs_no_speaker_for_it(self, folder: Path, tmp_path: Path) -> None:
        link(folder, tmp_path, without="spk2info.pt")
        model = load_cosyvoice(str(tmp_path), home=installed_code())
        assert model.voices() == []
        await model.imitate(recorded()).start()
        assert len(model._heard) == 1
        await model.start()
        await model.close()
        await model.close()
        with pytest.raises(VoiceError, match="closed"):
            await spoken(model.imitate(recorded()))


class TestImitation:
    """What of a recording the model is given, for which text."""

    @pytest.mark.parametrize("seconds", [0.6, 1.0, 9.9])
    async def test_recordings_are_imitated(self, model: CosyVoice, seconds: float) -> None:
        assert len(await spoken(model.imitate(recorded(seconds=seconds)), "Hello there, you.")) > 0

    async def test_features_are_in_time_and_in_whole_blocks(self, model: CosyVoice) -> None:
        heard = likenesses.listen(model._own, recording(3.48), "Hello.", None)
        assert heard.tokens.shape == (1, 87)
        assert heard.flow_tokens.shape == (1, 75)
        assert heard.flow_tokens.tolist() == heard.tokens[:, 12:].tolist()
        assert heard.features.shape == (1, 150, 80)
        short = likenesses.listen(model._own, recording(0.6), "Oh.", None)
        assert short.flow_tokens.shape == (1, 15)

    async def test_it_is_listened_to_once(self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
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

    async def test_only_so_many_recordings_are_remembered(
        self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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
        self, model: CosyVoice, text: str, lang: str | None, transcript: str, recorded_in: str | None, continued: bool
    ) -> None:
        heard = likenesses.listen(model._own, recording(1.0), transcript, recorded_in)
        said = prompt(model._own, 2, heard, text, lang, "")
        assert said.tokens.shape[1] == (25 if continued else 0)
        decoded = model._own.frontend.tokenizer.decode(said.before[0].tolist())
        assert decoded == (transcript if continued else "")

    async def test_instructions_take_the_place_of_the_recording(self, model: CosyVoice) -> None:
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

    async def test_a_transcript_cannot_steer_the_model(self, model: CosyVoice) -> None:
        heard = likenesses.listen(model._own, recording(1.0), "<|endofprompt|>Hello there.", "en")
        before = prompt(model._own, 2, heard, TEXT, None, "").before[0].tolist()
        assert before == model._own.frontend.tokenizer.encode("Hello there.")

    async def test_text_cannot_steer_the_model(self, model: CosyVoice) -> None:
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
    async def test_recordings_that_cannot_be_used(self, model: CosyVoice, sound: bytes, reason: str) -> None:
        with pytest.raises(VoiceError, match=reason):
            await spoken(model.imitate(Recorded("eve", sound, "Hello.", "I agree.", "en", 0.0)))

    async def test_speakers_that_upstream_saved_of_recordings(self, model: CosyVoice) -> None:
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


class TestStopping:
    """Listeners who leave, and faults."""

    async def test_closing_stops_the_language_model_within_a_tenth_of_a_second(self, model: CosyVoice) -> None:
        took = []
        for _ in range(3):
            chunks = model.voices()[0].synthesize(10 * TEXT)
            await anext(chunks)  # next come dozens of steps of the language model
            began = time.perf_counter()
            await chunks.aclose()
            await settled(model)
            took.append(time.perf_counter() - began)
            assert left_behind(model) == model.busy == 0
        assert min(took) < 0.1

    async def test_ten_thousand_abandoned_units_leave_nothing_behind(
        self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Texts, prompts, tables, thread and turns are real; the language model is not, which is tested above."""

        def endless(**question: Any) -> Generator[int, None, None]:
            return (token % 6000 for token in count())

        async def abandon(number: int) -> None:
            chunks = voice.synthesize(f"Text {number}.", seed=number)
            with anyio.move_on_after(0 if number % 2 else 0.0003):
                async with aclosing(chunks):
                    await anext(chunks)

        monkeypatch.setattr(model._own.model.llm, "inference", endless)
        monkeypatch.setattr(model._own.model, "token2wav", lambda **question: torch.zeros(1, 100))
        voice = model.voices()[0]
        for number in range(1000):
            await abandon(number)
        await settled(model)
        gc.collect()
        threads, memory, objects = threading.active_count(), resident(), len(gc.get_objects())
        for number in range(9000):
            await abandon(number)
        await settled(model)
        gc.collect()
        assert left_behind(model) == model.busy == 0
        assert threading.active_count() == threads
        assert len(gc.get_objects()) < objects + 1000
        assert resident() < memory + (16 << 20)

    async def test_a_hundred_abandoned_units_of_the_real_model(self, model: CosyVoice) -> None:
        voice = model.imitate(recorded())
        await spoken(voice, "Hello.")
        threads = threading.active_count()
        for number in range(100):
            chunks = voice.synthesize(TEXT, seed=number)
            with anyio.move_on_after(0.01):
                await anext(chunks)
            await chunks.aclose()
        await settled(model)
        assert left_behind(model) == model.busy == 0
        assert threading.active_count() == threads
        assert len(await spoken(voice)) > 0

    @pytest.mark.parametrize("part", ["llm.forward_one_step", "flow.inference", "hift.inference"])
    async def test_an_error_surfaces_at_once(
        self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch, part: str
    ) -> None:
        def failing(*arguments: object, **named: object) -> None:
            raise AssertionError("scripted")

        first, method = part.split(".")
        owner = getattr(model._own.model, first)
        owner = owner.llm if first == "llm" else owner
        with monkeypatch.context() as patch:
            patch.setattr(owner, method, failing)
            with anyio.fail_after(20), pytest.raises(VoiceError, match="scripted"):
                await spoken(model.voices()[0])
        assert left_behind(model) == 0
        assert len(await spoken(model.voices()[0], "Hello.")) > 0

    async def test_a_unit_that_does_not_end(self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speeches, "LONGEST", 2.0)
        with pytest.raises(VoiceError, match="longer than 2 s"):
            await spoken(model.voices()[0], 10 * TEXT)
        assert left_behind(model) == 0

    async def test_a_unit_without_a_token(self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(model._own.model.llm, "inference", lambda **question: (token for token in list[int]()))
        with pytest.raises(VoiceError, match="no sound"):
            await spoken(model.voices()[0])


class ScriptedEngine:
    """Says what vLLM's engine would, a token of every request at each step."""

    def __init__(self) -> None:
        self.seeds: list[int | None] = []
        self.running: dict[str, int] = {}
        self.aborted: list[str] = []

    def add_request(self, request_id: str, asked: dict[str, torch.Tensor], parameters: Any) -> None:
        assert asked["prompt_embeds"].ndim == 2
        self.seeds.append(parameters.seed)
        self.running[request_id] = 0

    def step(self) -> list[Any]:
        outputs = []
        for request_id in self.running:
            self.running[request_id] += 1
            token_ids = [self.running[request_id] % 6000]
            outputs.append(SimpleNamespace(request_id=request_id, outputs=[SimpleNamespace(token_ids=token_ids)]))
        return outputs

    def abort_request(self, request_ids: list[str]) -> None:
        for request_id in request_ids:
            del self.running[request_id]
            self.aborted.append(request_id)


class TestVllm:
    """CosyVoice's own code around vLLM, with a scripted engine in its place."""

    async def test_requests_have_seeds_and_are_aborted(self, model: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
        llm, engine = model._own.model.llm, ScriptedEngine()
        # All that is imported of it; vLLM itself takes long to import.
        imported = SimpleNamespace(SamplingParams=SimpleNamespace, RequestOutput=object)
        monkeypatch.setitem(sys.modules, "vllm", imported)  # type: ignore[arg-type]
        monkeypatch.setattr(llm, "vllm", engine, raising=False)
        monkeypatch.setattr(llm, "lock", threading.Lock(), raising=False)
        monkeypatch.setattr(llm, "seeds", {}, raising=False)
        seed_requests(llm)
        voice = model.voices()[0]
        async with (
            aclosing(voice.synthesize(20 * TEXT, seed=5)) as one,
            aclosing(voice.synthesize(20 * TEXT, seed=6)) as two,
        ):
            assert await anext(one)
            assert await anext(two)
            assert len(engine.running) == 2
        await settled(model)
        assert sorted(map(int, engine.seeds)) == [5, 6]
        assert not engine.running
        assert len(engine.aborted) == 2
        assert llm.vllm_output_queue == llm.seeds == {}


class TestFirstGeneration:
    """Another tokenizer, language model and flow, overlapping chunks, 22.05 kHz."""

    @pytest.fixture(autouse=True)
    def its_own_windows(self, first_generation: CosyVoice, monkeypatch: pytest.MonkeyPatch) -> None:
        """Matcha keeps windows of one length in the process, as for one model; the other tests' model has another."""
        audio = sys.modules["matcha.utils.audio"]
        for table in ("mel_basis", "hann_window"):
            monkeypatch.setattr(audio, table, {})

    async def test_it_speaks(self, first_generation: CosyVoice) -> None:
        model = first_generation
        for voice in (*model.voices(), model.imitate(recorded())):
            once, again = [await spoken(voice, seed=1) for _ in range(2)]
            assert voice.sample_rate == 22_050
            assert np.array_equal(once, again)
            assert 0.1 < len(once) / 22_050 < 10
        assert left_behind(model) == 0

    async def test_it_streams(self, first_generation: CosyVoice) -> None:
        chunks = await chunks_of(first_generation.voices()[0], 12 * TEXT)
        assert len(chunks) > 1
        # A hundred tokens of 50 a second, without what is blended with the next chunk.
        assert 1.2 < len(chunks[0]) / 22_050 < 2.4

    async def test_closing_leaves_nothing_behind(self, first_generation: CosyVoice) -> None:
        async with aclosing(first_generation.voices()[0].synthesize(20 * TEXT)) as chunks:
            await anext(chunks)
            assert left_behind(first_generation) == 3
        await settled(first_generation)
        assert left_behind(first_generation) == 0

    async def test_another_language_is_marked(self, first_generation: CosyVoice) -> None:
        own = first_generation._own
        heard = likenesses.listen(own, recording(1.0), "Hello there.", "en")
        assert heard.flow_tokens.shape == heard.tokens.shape == (1, 50)
        assert heard.features.shape[1] == pytest.approx(22_050 / 256, abs=1)
        said = prompt(own, 1, heard, "今天天气很好。", None, "")
        assert own.frontend.tokenizer.decode(said.text[0].tolist()) == "<|zh|>今天天气很好。"
        same = prompt(own, 1, heard, TEXT, None, "")
        assert own.frontend.tokenizer.decode(same.text[0].tolist()) == TEXT

    async def test_instructions(self, first_generation: CosyVoice) -> None:
        with pytest.raises(VoiceError, match="no instructions together with a recording"):
            first_generation.imitate(recorded(), instructions="Whisper.")
        said = prompt(first_generation._own, 1, first_generation._known[SPEAKERS[0]], TEXT, None, "Whisper.")
        assert said.voice.shape[0] == 0
        assert first_generation._own.frontend.tokenizer.decode(said.before[0].tolist()) == "Whisper.<endofprompt>"
        assert len(await spoken(first_generation.voices(instructions="Whisper.")[0]))

    def test_vllm_does_not_run_it(self, tmp_path: Path) -> None:
        names = ("cosyvoice.yaml", "llm.pt", "flow.pt", "hift.pt", "campplus.onnx", "speech_tokenizer_v1.onnx")
        for name in names:
            (tmp_path / name).touch()
        with pytest.raises(VoiceError, match="first generation"):
            load_cosyvoice(str(tmp_path), home=installed_code(), vllm=True)


def test_filter_banks_are_kaldis() -> None:
    """As the encoder's, which is proven equal to torchaudio's by the reference's golden tensors."""
    wave = 0.3 * torch.randn(1, 16_000, generator=torch.Generator().manual_seed(1))
    ours = fbank(wave, num_mel_bins=80, dither=0, sample_frequency=16_000)
    theirs = KaldiFbank(80)(wave)[0] * (2 * FBANK_STD) + FBANK_MEAN - 2 * np.log(32_768)  # theirs takes 16-bit samples
    assert ours.shape == theirs.shape == (98, 80)
    assert torch.allclose(ours, theirs, atol=2e-3)


def test_filter_banks_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="dither"):
        fbank(torch.zeros(1, 16_000), dither=1.0)
    with pytest.raises(ValueError, match="frame"):
        fbank(torch.zeros(1, 100))


@pytest.mark.parametrize("speed", [0.25, 0.4, 0.5, 0.8, 1.25, 2.0, 4.0])
def test_tempo_changes_length_and_not_pitch(speed: float) -> None:
    rate = 24_000
    tone = (8000 * np.sin(2 * np.pi * 200 * np.arange(4 * rate) / rate)).astype("<i2").tobytes()
    whole = Tempo(rate, speed)
    once = whole.feed(tone) + whole.flush()
    assert len(once) == pytest.approx(len(tone) / speed, rel=0.03)
    samples = np.frombuffer(once, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert spectrum.argmax() * rate / len(samples) == pytest.approx(200, abs=3)
    cut = Tempo(rate, speed)
    pieces = b"".join(cut.feed(tone[at : at + 7_002]) for at in range(0, len(tone), 7_002)) + cut.flush()
    assert pieces == once


@pytest.mark.skipif(CHECKOUT is None, reason="no package holds CosyVoice3's code; COSYVOICE_HOME names no checkout")
def test_an_upstream_checkout(tmp_path: Path) -> None:
    """Every generation, in a process of its own each: this one has loaded other code."""
    for number in (1, 2, 3):
        program = [sys.executable, "-m", "tests.tts.cosyvoice_checkout", str(number), str(tmp_path), str(CHECKOUT)]
        subprocess.run(program, check=True, timeout=240)
