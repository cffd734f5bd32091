"""What the language model is taught: examples of every task, drawn from the small world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.hearing import surrounded, word_numbers
from training.rows import SYSTEM, Attachment, Example, Heard, Seen, Watched
from training.sketch import Sketch, of_clip, of_picture, of_recording
from training.world import asking, clips, pictures, sounds, talk
from training.world.sentences import for_video
from training.world.sounds import SPEECH
from training.world.speech import Bank, Utterance
from training.world.words import ANSWER_SPEECH, TRANSCRIBE, Turn, listed, transcript, with_article

QUESTIONS, OF_SKETCHES = 8, 14
"""Asked about one picture or clip at most: what it costs to encode is paid once, and sketches cost little."""
TALKS = 0.25
"""Share of the pictures and clips that are talked about; of others each question is asked as if it were the first."""
WHOLE = 0.3
"""Share of the pictures whose rows are all kept."""
FEWEST_FRAMES, MOST_FRAMES = 6, 10
LARGEST, SMALLER = 640, 352
"""Pixels a side that pictures have at most, and that most of them have in training, because they cost less."""


@dataclass(frozen=True, slots=True)
class World:
    """Draws examples.

    Args:
        bank: spoken sentences; None where nothing is to be heard.
        held_out: draw what training never draws, for the report.
        whole: draw pictures and videos of any size, and all of their rows and frames, not a few that stand for them.
        sketched: draw sketches instead of pixels and samples.
    """

    bank: Bank | None = None
    held_out: bool = False
    whole: bool = False
    sketched: bool = False

    def text(self, dice: np.random.Generator) -> Example:
        said = talk.conversation(dice)
        return Example(said.turns, system=said.system)

    def picture(self, dice: np.random.Generator) -> Example:
        drawn = self._drawn(dice)
        return self._asked(asking.questions(drawn, dice), (self._seen(drawn, dice),), dice)

    def number(self, dice: np.random.Generator) -> Example:
        """A written number: each digit has to be right, so it takes more pictures than shapes do."""
        drawn = pictures.picture(dice, largest=SMALLER, written=1.0, held_out=self.held_out)
        turns = [turn for turn in asking.questions(drawn, dice) if f"The number {drawn.number} " in turn.answer]
        return Example(tuple(turns), (self._seen(drawn, dice),), system(dice), text_first(dice))

    def described(self, dice: np.random.Generator) -> Example:
        """A picture in words instead of pixels: what is asked about pictures, learned for a tenth of the price."""
        drawn = pictures.picture(dice, largest=128, written=0.15)
        height, width = drawn.mask.shape
        shown = [f"{with_article(s.name)} in the {asking.place(s.x, s.y, width, height)}" for s in drawn.shapes]
        scene = listed(shown) if shown else f"the number {drawn.number}"
        first, *more = asking.questions(drawn, dice)[:OF_SKETCHES]
        return Example((Turn(f"The image shows {scene}. {first.question}", first.answer), *more), system=system(dice))

    def video(self, dice: np.random.Generator) -> Example:
        clip = self._clip(dice)
        return self._asked(clips.questions(clip, dice), (self._watched(clip, dice),), dice)

    def transcription(self, dice: np.random.Generator) -> Example:
        """The transcript of any sentence, with the paper's prompt."""
        assert self.bank is not None
        said = self.bank.any(dice)
        return Example(
            (Turn(TRANSCRIBE, transcript(said.text)),), (self._speech(said, dice),), text_first=text_first(dice)
        )

    def spoken_question(self, dice: np.random.Generator) -> Example:
        """A question that is only heard."""
        assert self.bank is not None
        turn = talk.spoken(dice)
        while turn.question not in self.bank:
            turn = talk.spoken(dice)
        question = ANSWER_SPEECH if dice.random() < 0.7 else ""
        heard = self._speech(self.bank.find(turn.question, dice), dice)
        return Example((Turn(question, turn.answer),), (heard,), text_first=text_first(dice))

    def sound(self, dice: np.random.Generator) -> Example:
        kind = str(dice.choice(sounds.KINDS))
        heard = self._sound(kind, dice)
        return Example((sounds.questions(kind, dice),), (heard,), text_first=text_first(dice))

    def picture_and_speech(self, dice: np.random.Generator) -> Example:
        """A picture and a question about it that is only heard."""
        assert self.bank is not None
        turns: list[Turn] = []
        while not turns:
            drawn = self._drawn(dice)
            turns = [turn for turn in asking.questions(drawn, dice) if turn.question in self.bank]
        asked = turns[0]
        attachments = self._seen(drawn, dice), self._speech(self.bank.find(asked.question, dice), dice)
        # Without any text the reference's fixed prompt is used (docs/model.md).
        question = "" if dice.random() < 0.7 else ANSWER_SPEECH
        return Example((Turn(question, asked.answer, asked.finds),), attachments, text_first=text_first(dice))

    def video_with_sound(self, dice: np.random.Generator) -> Example:
        """What a clip shows, what its voice says, and whether the one names the other."""
        clip = self._clip(dice)
        seen = clips.questions(clip, dice)
        if dice.random() < 0.2:
            kind = str(dice.choice(sounds.KINDS[:-1]))
            turns, heard = [sounds.questions(kind, dice), NO_VOICE], self._sound(kind, dice)
        else:
            said = self._spoken_over(clip, dice)
            text, heard = said.text, self._speech(said, dice)
            turns = [_says(text), *clips.names_questions(clip, text, dice)]
        # What needs both senses or only the voice is always asked.
        turns += seen[: self._questions - len(turns)]
        turns = [turns[place] for place in dice.permutation(len(turns))]
        return self._asked(turns, (self._watched(clip, dice), heard), dice)

    def voice(self, dice: np.random.Generator) -> Example:
        """A clip of which only its voice is asked for, so that it takes little time."""
        clip = self._clip(dice)
        said = self._spoken_over(clip, dice)
        attachments = self._watched(clip, dice), self._speech(said, dice)
        return Example((_says(said.text),), attachments, system(dice), text_first(dice))

    @property
    def _questions(self) -> int:
        return OF_SKETCHES if self.sketched else QUESTIONS

    def _asked(self, turns: list[Turn], attachments: tuple[Attachment, ...], dice: np.random.Generator) -> Example:
        """The first of the questions."""
        asked, apart = tuple(turns[: self._questions]), bool(dice.random() >= TALKS)
        return Example(asked, attachments, system(dice), text_first(dice), apart=apart)

    def _drawn(self, dice: np.random.Generator) -> pictures.Picture:
        if self.sketched:  # mostly of digits that are rarer otherwise, and of what costs little to draw
            return pictures.picture(dice, largest=224, written=0.35)
        largest = LARGEST if self.whole or dice.random() < 0.25 else SMALLER
        return pictures.picture(dice, largest=largest, held_out=self.held_out)

    def _seen(self, drawn: pictures.Picture, dice: np.random.Generator) -> Attachment:
        if self.whole or (not self.sketched and dice.random() < WHOLE):
            return Seen(drawn.pixels)
        sketch = of_picture(drawn).thinned(dice)
        return sketch if self.sketched else Seen(drawn.pixels, sketch)

    def _watched(self, clip: clips.Clip, dice: np.random.Generator) -> Attachment:
        if self.whole:
            return Watched(clip.frames, clip.seconds)
        size = clip.frames.shape[2], clip.frames.shape[1]
        sketch = of_clip([pictures.scene(shapes, size) for shapes in clip.scenes], size, clip.motion).thinned(dice)
        return sketch if self.sketched else Watched(clip.frames, clip.seconds, sketch)

    def _speech(self, said: Utterance, dice: np.random.Generator) -> Attachment:
        said = surrounded(said, dice)
        return sketched_speech(said).thinned(dice) if self.sketched else Heard(sounds.noisy(said.samples, dice))

    def _sound(self, kind: str, dice: np.random.Generator) -> Attachment:
        if kind == "speech":
            assert self.bank is not None
            return self._speech(self.bank.any(dice), dice)
        heard = sounds.sound(dice, kind, held_out=self.held_out)
        return sketched_sound(heard).thinned(dice) if self.sketched else Heard(heard.samples)

    def _clip(self, dice: np.random.Generator) -> clips.Clip:
        if self.whole:
            return clips.clip(dice, held_out=self.held_out)
        count = int(dice.integers(FEWEST_FRAMES, MOST_FRAMES + 1))
        return clips.clip(dice, count=count, held_out=self.held_out, largest=SMALLER)

    def _spoken_over(self, clip: clips.Clip, dice: np.random.Generator) -> Utterance:
        """A sentence that half of the time names the actor."""
        assert self.bank is not None
        wanted, made_for_videos = dice.random() < 0.5, dice.random() < 0.5
        while True:
            text = for_video(dice, clip.actor) if made_for_videos else self.bank.texts[dice.integers(len(self.bank))]
            if text in self.bank and (clip.actor in transcript(text).split()) == wanted:
                return self.bank.find(text, dice)


NO_VOICE = Turn("What does the voice say?", "There is no voice.")


def _says(text: str) -> Turn:
    return Turn(NO_VOICE.question, f"The voice says: {transcript(text)}.")


def sketched_speech(said: Utterance) -> Sketch:
    words, nothing = word_numbers(said), np.zeros(len(said.words), np.int64)
    begins = (np.diff(said.words, prepend=-1) != 0) & (said.words >= 0)
    return of_recording(words, begins, np.where(words > 0, SPEECH, 0), nothing)


def sketched_sound(heard: sounds.Sound) -> Sketch:
    nothing = np.zeros(len(heard.labels), np.int64)
    return of_recording(nothing, nothing, heard.labels, heard.counts)


def system(dice: np.random.Generator) -> str:
    return SYSTEM if dice.random() < 0.9 else talk.conversation(dice).system


def text_first(dice: np.random.Generator) -> bool:
    """Official clients write the text first as often as not."""
    return bool(dice.random() < 0.4)
