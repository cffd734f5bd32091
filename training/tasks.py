"""What the language model is taught: examples of every task, drawn from the small world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.hearing import surrounded
from training.rows import SYSTEM, Example, Heard, Samples, Seen, Watched
from training.sketch import sketched
from training.world import asking, clips, pictures, sounds, talk
from training.world.sentences import for_video
from training.world.speech import Bank
from training.world.words import ANSWER_SPEECH, DIRECTIONS, TRANSCRIBE, Turn, listed, transcript, with_article

QUESTIONS = 12
"""Asked about one picture or clip at most: what it costs to encode is paid once."""
FEWEST_FRAMES, MOST_FRAMES = 6, 10


@dataclass(frozen=True, slots=True)
class World:
    """Draws examples.

    Args:
        bank: spoken sentences; None before the sound stage.
        held_out: draw what training never draws, for the report.
        whole: draw all of a video's 64 frames, not a few that stand for them.
    """

    bank: Bank | None = None
    held_out: bool = False
    whole: bool = False

    def text(self, dice: np.random.Generator) -> Example:
        said = talk.conversation(dice)
        return Example(said.turns, system=said.system)

    def picture(self, dice: np.random.Generator) -> Example:
        largest = 640 if dice.random() < 0.25 else 352
        drawn = pictures.picture(dice, largest=largest, held_out=self.held_out)
        turns = chosen(asking.questions(drawn, dice), dice)
        return Example(turns, (Seen(drawn.pixels),), system(dice), text_first(dice))

    def described(self, dice: np.random.Generator) -> Example:
        """A picture in words instead of pixels: what is asked about pictures, learned for a tenth of the price."""
        drawn = pictures.picture(dice, largest=128, written=0.15)
        height, width = drawn.mask.shape
        shown = [f"{with_article(s.name)} in the {asking.place(s.x, s.y, width, height)}" for s in drawn.shapes]
        scene = listed(shown) if shown else f"the number {drawn.number}"
        first, *more = chosen(asking.questions(drawn, dice), dice)
        return Example((Turn(f"The image shows {scene}. {first.question}", first.answer), *more), system=system(dice))

    def sketch(self, dice: np.random.Generator) -> Example:
        """A picture as rows that say what is there."""
        drawn = pictures.picture(dice, size=self._size(dice), written=0.2)
        turns = chosen(asking.questions(drawn, dice), dice)
        return Example(turns, (sketched(drawn, dice),), system(dice), text_first(dice))

    def video(self, dice: np.random.Generator) -> Example:
        clip = self._clip(dice)
        turns = chosen(clips.questions(clip, dice), dice)
        return Example(turns, (Watched(clip.frames, clip.seconds),), system(dice), text_first(dice))

    def transcription(self, dice: np.random.Generator) -> Example:
        """The transcript of any sentence, with the paper's prompt."""
        text, samples = self._said(dice)
        return Example((Turn(TRANSCRIBE, transcript(text)),), (Heard(samples),), text_first=text_first(dice))

    def spoken_question(self, dice: np.random.Generator) -> Example:
        """A question that is only heard."""
        assert self.bank is not None
        turn = talk.spoken(dice)
        while turn.question not in self.bank:
            turn = talk.spoken(dice)
        question = ANSWER_SPEECH if dice.random() < 0.7 else ""
        return Example(
            (Turn(question, turn.answer),), (Heard(self._say(turn.question, dice)),), text_first=text_first(dice)
        )

    def sound(self, dice: np.random.Generator) -> Example:
        heard = sounds.sound(dice, bank=self.bank, held_out=self.held_out)
        return Example((sounds.questions(heard.kind, dice),), (Heard(heard.samples),), text_first=text_first(dice))

    def picture_and_speech(self, dice: np.random.Generator) -> Example:
        """A picture and a question about it that is only heard."""
        assert self.bank is not None
        turns: list[Turn] = []
        while not turns:
            drawn = pictures.picture(dice, largest=352, held_out=self.held_out)
            turns = [turn for turn in asking.questions(drawn, dice) if turn.question in self.bank]
        asked, *more = chosen(turns, dice)
        attachments = Seen(drawn.pixels), Heard(self._say(asked.question, dice))
        # Without any text the reference's fixed prompt is used (docs/model.md).
        question = "" if dice.random() < 0.7 else ANSWER_SPEECH
        return Example((Turn(question, asked.answer), *more), attachments, text_first=text_first(dice))

    def video_with_sound(self, dice: np.random.Generator) -> Example:
        """What a clip shows, what its voice says, and whether the one names the other."""
        clip = self._clip(dice)
        seen = clips.questions(clip, dice)
        if dice.random() < 0.2:
            heard = sounds.sound(dice, str(dice.choice(sounds.KINDS[:-1])), held_out=self.held_out)
            turns, samples = [sounds.questions(heard.kind, dice), NO_VOICE], heard.samples
        else:
            text, samples = self._spoken_over(clip, dice)
            turns = [Turn("What does the voice say?", f"The voice says: {transcript(text)}.")]
            if clip.motion in DIRECTIONS:
                turns = [clips.names_question(clip, text)] * 2 + turns
        some = list(chosen(seen, dice))[: QUESTIONS - 3]
        turns = [*turns, *some]
        order = dice.permutation(len(turns))
        unique = dict.fromkeys(turns[place] for place in order)
        attachments = Watched(clip.frames, clip.seconds), Heard(samples)
        return Example(tuple(unique), attachments, system(dice), text_first(dice))

    def _size(self, dice: np.random.Generator) -> tuple[int, int]:
        return int(dice.integers(64, 200)), int(dice.integers(64, 200))

    def _clip(self, dice: np.random.Generator) -> clips.Clip:
        count = 64 if self.whole else int(dice.integers(FEWEST_FRAMES, MOST_FRAMES + 1))
        return clips.clip(dice, count=count, held_out=self.held_out, largest=352)

    def _spoken_over(self, clip: clips.Clip, dice: np.random.Generator) -> tuple[str, Samples]:
        """A sentence that half of the time names the actor."""
        assert self.bank is not None
        wanted, made_for_videos = dice.random() < 0.5, dice.random() < 0.5
        while True:
            text = for_video(dice, clip.actor) if made_for_videos else self.bank.texts[dice.integers(len(self.bank))]
            if text in self.bank and (clip.actor in transcript(text).split()) == wanted:
                return text, self._say(text, dice)

    def _said(self, dice: np.random.Generator) -> tuple[str, Samples]:
        assert self.bank is not None
        said = self.bank.any(dice)
        return said.text, sounds.noisy(surrounded(said, dice).samples, dice)

    def _say(self, text: str, dice: np.random.Generator) -> Samples:
        assert self.bank is not None
        return sounds.noisy(surrounded(self.bank.find(text, dice), dice).samples, dice)


NO_VOICE = Turn("What does the voice say?", "There is no voice.")


def chosen(turns: list[Turn], dice: np.random.Generator) -> tuple[Turn, ...]:
    """Up to QUESTIONS of them, in a drawn order."""
    order = dice.permutation(len(turns))[:QUESTIONS]
    return tuple(turns[place] for place in order)


def system(dice: np.random.Generator) -> str:
    return SYSTEM if dice.random() < 0.9 else talk.conversation(dice).system


def text_first(dice: np.random.Generator) -> bool:
    """Official clients write the text first as often as not."""
    return bool(dice.random() < 0.4)
