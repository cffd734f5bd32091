"""The exam's tasks: draws a question of each as the messages that a client sends, with the fact of its answer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.demo import clips, facts, pictures, questions, sentences, sounds, talk
from tests.demo.clips import Clip
from tests.demo.facts import Fact
from tests.demo.sounds import Samples
from tests.demo.words import NUMBERS

TRANSCRIBE = "Please give the ASR results of the given speech."
ANSWER = "Please directly answer the questions in the user's speech."

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    asked: str
    messages: list[dict[str, Any]]
    fact: Fact


@dataclass(frozen=True, slots=True)
class Task:
    """`bar` is the share of right answers to reach; of a transcribing task, the word error rate not to exceed."""

    draw: Callable[[Random], Question]
    bar: float
    speaks: bool = True
    writes: bool = False
    transcribes: bool = False

    def missing(self) -> str | None:
        """Why this machine cannot draw the task."""
        if self.speaks and not sounds.can_speak():
            return "espeak-ng is not on the path (Debian: apt-get install espeak-ng)"
        if self.writes and not pictures.has_font():
            return "DejaVu Sans is missing (pip install matplotlib)"
        return None


def user(asked: str, fact: Fact, *parts: Part) -> Question:
    return Question(asked, [{"role": "user", "content": list(parts)}], fact)


def text_part(text: str) -> Part:
    return {"type": "text", "text": text}


def image_part(png: bytes) -> Part:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(png).decode()}"}}


def sound_part(samples: Samples) -> Part:
    data = b64encode(sounds.wav(samples)).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def video_part(mp4: bytes) -> Part:
    return {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{b64encode(mp4).decode()}"}}


def image(random: Random) -> Question:
    asked, fact, picture = questions.about_shapes(random)
    return user(asked, fact, image_part(pictures.png(picture)), text_part(asked))


def written_number(random: Random) -> Question:
    asked, fact, picture = questions.about_number(random)
    return user(asked, fact, image_part(pictures.png(picture)), text_part(asked))


def any_sound(random: Random) -> tuple[Samples, Fact]:
    match kind := random.choice(list(facts.SOUNDS)):
        case "rising" | "falling":
            return sounds.glide(random, rising=kind == "rising"), facts.sound(kind)
        case "beeps":
            count = random.randint(1, 5)
            return sounds.beeps(random, count), facts.sound(kind, count)
        case "noise":
            return sounds.noise(random), facts.sound(kind)
        case "bell":
            return sounds.bell(random), facts.sound(kind)
        case "silence":
            return sounds.silence(random), facts.sound(kind)
        case _:
            return sounds.speech(random, sentences.sentence(random)), facts.sound(kind)


def sound(random: Random) -> Question:
    samples, fact = any_sound(random)
    asked = "What do you hear?"
    return user(asked, fact, sound_part(samples), text_part(asked))


def transcript(random: Random) -> Question:
    said = sentences.sentence(random)
    return user(TRANSCRIBE, facts.transcript(said), sound_part(sounds.speech(random, said)), text_part(TRANSCRIBE))


def spoken_question(random: Random) -> Question:
    exchange = random.choice((spoken_sum, spoken_sum, talk.weekly, talk.introduction))(random)
    spoken = sounds.speech(random, exchange.question)
    return user(f"(spoken) {exchange.question}", exchange.fact, sound_part(spoken), text_part(ANSWER))


def spoken_sum(random: Random) -> talk.Exchange:
    first, sign, second, made = sentences.sum_of(random)
    asked = f"What is {NUMBERS[first]} {sign} {NUMBERS[second]}?"
    return talk.Exchange(asked, NUMBERS[made], facts.result(made))


def image_and_spoken(random: Random) -> Question:
    asked, fact, picture = questions.about_any(random)
    spoken = sound_part(sounds.speech(random, asked))
    return user(f"(spoken) {asked}", fact, image_part(pictures.png(picture)), spoken)


def video(random: Random) -> Question:
    event = random.choice((*clips.WAYS, *clips.WAYS, "still", "color"))
    shown = clips.clip(random, event)
    asked = random.choice(("What is moving?", "In which direction does it move?"))
    if event == "color" or asked == "What is moving?":
        asked, fact = "What is moving?", facts.moving(shown.actor.kind if shown.way else None)
    else:
        fact = facts.direction(shown.way)
    heard = any_sound(random)[0] if random.random() < 0.6 else None
    return user(asked, fact, video_part(clips.mp4(shown, heard)), text_part(asked))


def talking_clip(random: Random, event: str, say: Callable[[Clip], str]) -> tuple[str, Part]:
    """A clip whose voice says all of a sentence, and the sentence."""
    spoken, shown, said = None, clips.clip(random, event), ""
    while spoken is None or len(spoken) > (clips.LONGEST - 0.2) * sounds.RATE:
        said = say(shown)
        spoken = sounds.speech(random, said)
    seconds = len(spoken) / sounds.RATE
    shown = clips.lasting(shown, random.uniform(max(1.0, seconds + 0.1), clips.LONGEST))
    return said, video_part(clips.mp4(shown, spoken))


def voice(random: Random) -> Question:
    event = random.choice((*clips.WAYS, "still", "color"))
    said, part = talking_clip(random, event, lambda _: sentences.sentence(random))
    asked = "What does the voice say?"
    return user(asked, facts.transcript(said), part, text_part(asked))


def voice_and_picture(random: Random) -> Question:
    names = random.random() < 0.5
    say = sentences.naming if names else sentences.not_naming
    said, part = talking_clip(random, random.choice(list(clips.WAYS)), lambda shown: say(random, shown.actor.kind))
    asked = "Does the voice name the moving shape?"
    return user(f"{asked} (it says: {said})", facts.yes(names), part, text_part(asked))


def text(random: Random) -> Question:
    """Half with a system prompt, half after one to three exchanges that went well."""
    messages = [{"role": "system", "content": random.choice(talk.SYSTEM)}] if random.random() < 0.5 else []
    for _ in range(random.randint(1, 3) if random.random() < 0.5 else 0):
        earlier = talk.exchange(random)
        messages.append({"role": "user", "content": earlier.question})
        messages.append({"role": "assistant", "content": earlier.answer})
    last = talk.exchange(random)
    messages.append({"role": "user", "content": last.question})
    return Question(" / ".join(message["content"] for message in messages), messages, last.fact)


TASKS = {
    "images": Task(image, 0.92, speaks=False),
    "written numbers": Task(written_number, 0.90, speaks=False, writes=True),
    "sounds": Task(sound, 0.92),
    "transcripts": Task(transcript, 0.08, transcribes=True),
    "spoken questions": Task(spoken_question, 0.88),
    "image and spoken question": Task(image_and_spoken, 0.88, writes=True),
    "video": Task(video, 0.88),
    "video: the voice": Task(voice, 0.08, transcribes=True),
    "video: voice and picture": Task(voice_and_picture, 0.85),
    "text": Task(text, 0.95, speaks=False),
}


def draw(task: str, seed: int, index: int) -> Question:
    """The same question for the same arguments, whatever else was drawn."""
    return TASKS[task].draw(Random(f"{seed}/{task}/{index}"))
