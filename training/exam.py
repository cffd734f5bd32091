"""Questions to a served model with their right answers, drawn from what its training never saw."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soundfile
from PIL import Image

from engine.api import SAMPLE_RATE
from training.rows import Example, Heard, Pixels, Samples, Seen, Watched
from training.tasks import NO_VOICE, World
from training.world import talk
from training.world.words import Turn, bare


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a task, as OpenAI's chat messages, and the answer that counts as right."""

    task: str
    messages: list[dict[str, Any]]
    answer: str

    def right(self, said: str) -> bool:
        """Word for word, but for case and punctuation; any story of five to eight sentences is one."""
        if self.task == "text: a story":
            return 5 <= sum(said.count(stop) for stop in ".!?") <= 8
        return bare(said) == bare(self.answer)


def word_errors(said: str, truth: str) -> tuple[int, int]:
    """Levenshtein distance in words, and how many words there were to hear."""
    heard, spoken = bare(said), bare(truth)
    row = list(range(len(spoken) + 1))
    for i, word in enumerate(heard, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(spoken, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1], len(spoken)


class Exam:
    """Draws questions; `world` should be held out and whole."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.tasks: dict[str, Callable[[np.random.Generator], Question]] = {
            "images": self.image,
            "written numbers": self.number,
            "sounds": self._plainly("sounds", world.sound),
            "transcripts": self._plainly("transcripts", world.transcription),
            "spoken questions": self._plainly("spoken questions", world.spoken_question),
            "image and spoken question": self._plainly("image and spoken question", world.picture_and_speech),
            "video": self._plainly("video", world.video),
            "video: the voice": self.voice,
            "video: voice and picture": self.cross_modal,
            "text": self.text,
        }

    def image(self, dice: np.random.Generator) -> Question:
        while True:
            example = self._world.picture(dice)
            turn = example.turns[0]
            if not any(c.isdigit() for one in example.turns for c in one.answer):
                return asked("images", example, turn)

    def number(self, dice: np.random.Generator) -> Question:
        while True:
            example = self._world.picture(dice)
            for turn in example.turns:
                if turn.question == "What number is written?" and any(c.isdigit() for c in turn.answer):
                    return asked("written numbers", example, turn)

    def voice(self, dice: np.random.Generator) -> Question:
        return self._about_video(
            dice, "video: the voice", lambda t: t.question.startswith("What does the") and t != NO_VOICE
        )

    def cross_modal(self, dice: np.random.Generator) -> Question:
        return self._about_video(
            dice, "video: voice and picture", lambda t: t.question == "Does the voice name the moving shape?"
        )

    def text(self, dice: np.random.Generator) -> Question:
        said = talk.conversation(dice)
        turn = said.turns[-1]
        story = "text: a story" if turn.answer.count(".") >= 5 and "story" in turn.question.lower() else "text"
        messages: list[dict[str, Any]] = [{"role": "system", "content": said.system}]
        for earlier in said.turns[:-1]:
            messages += [
                {"role": "user", "content": earlier.question},
                {"role": "assistant", "content": earlier.answer},
            ]
        return Question(story, [*messages, {"role": "user", "content": turn.question}], turn.answer)

    def _about_video(self, dice: np.random.Generator, task: str, wanted: Callable[[Turn], bool]) -> Question:
        while True:
            example = self._world.video_with_sound(dice)
            for turn in filter(wanted, example.turns):
                return asked(task, example, turn)

    def _plainly(
        self, task: str, draw: Callable[[np.random.Generator], Example]
    ) -> Callable[[np.random.Generator], Question]:
        def first(dice: np.random.Generator) -> Question:
            example = draw(dice)
            return asked(task, example, example.turns[0])

        return first


def asked(task: str, example: Example, turn: Turn) -> Question:
    """One turn of an example as a conversation of its own."""
    parts: list[dict[str, Any]] = []
    sound = next((a.samples for a in example.attachments if isinstance(a, Heard)), None)
    watched = any(isinstance(a, Watched) for a in example.attachments)
    for attachment in example.attachments:
        match attachment:
            case Seen(pixels):
                parts.append({"type": "image_url", "image_url": {"url": png(pixels)}})
            case Watched(frames, seconds):
                parts.append({"type": "video_url", "video_url": {"url": mp4(frames, seconds, sound)}})
            case Heard(samples) if not watched:  # else it is the video's soundtrack
                parts.append({"type": "input_audio", "input_audio": {"data": wav(samples), "format": "wav"}})
    text = [{"type": "text", "text": turn.question}] if turn.question else []
    content = text + parts if example.text_first else parts + text
    messages: list[dict[str, Any]] = [{"role": "system", "content": example.system}]
    return Question(task, [*messages, {"role": "user", "content": content}], turn.answer)


def png(pixels: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return url("image/png", buffer)


def wav(samples: Samples) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="wav", subtype="PCM_16")
    return base64.b64encode(buffer.getvalue()).decode()


def mp4(frames: Pixels, seconds: float, sound: Samples | None) -> str:
    """H.264 as cameras write it, with an AAC soundtrack."""
    buffer = io.BytesIO()
    height, width = (side - side % 2 for side in frames.shape[1:3])
    with av.open(buffer, "w", format="mp4") as file:
        video: Any = file.add_stream("h264", rate=Fraction(len(frames) / seconds).limit_denominator(1000))
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"crf": "18"}
        audio: Any = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if sound is not None else None
        for frame in frames[:, :height, :width]:
            file.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        file.mux(video.encode(None))
        if sound is not None:
            heard = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[None]), format="fltp", layout="mono")
            heard.sample_rate = SAMPLE_RATE
            file.mux(audio.encode(heard))
            file.mux(audio.encode(None))
    return url("video/mp4", buffer)


def url(kind: str, buffer: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
