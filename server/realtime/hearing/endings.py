"""Whether a speaker has finished, judged from the words so far: a heuristic over the end of an English sentence.

It reads what a recogniser writes: lower case without marks, or text with marks, which are then believed. In languages
other than English only marks count. It hears no melody; a sentence that could end but goes on is where it errs.
"""

from __future__ import annotations

import re

from server.realtime.hearing import ending_words as words
from tts.scripts import script_language

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ASKED, _CLOSED = re.compile(r"[?？؟]\W*$"), re.compile(r"[.!。！।]\W*$")
_OPEN = re.compile(r"(?:\.\.+|…|[,;:，、；：–—-])\s*$")

_NEUTRAL = 0.5
"""Nothing is known."""
_UNFINISHED, _OPEN_ENDED, _DOUBTFUL, _LIKELY, _FINISHED = 0.04, 0.15, 0.35, 0.75, 0.92
_ENGLISH = 0.25
"""Part of the words that are common English ones, below which a text of three or more is taken to be something else."""
_DIGITS = 6
"""Digits that a number said one by one has at least."""
_CLAUSE = 7
"""Words up to which a subordinate clause has no main clause behind it."""


def probability_of_end(text: str) -> float:
    """How probable it is that nothing follows, 0 to 1, when the speaker pauses after `text`."""
    if _OPEN.search(text):
        return _OPEN_ENDED
    said = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    if not said:
        return _NEUTRAL
    if _ASKED.search(text):
        return _FINISHED
    spoken = _judged(said) if _is_english(text, said) else _NEUTRAL
    # A recogniser closes what it hears with a full stop, also where the speaker has not.
    return max(spoken, _LIKELY) if _CLOSED.search(text) and spoken > _OPEN_ENDED else spoken


def _is_english(text: str, said: list[str]) -> bool:
    if script_language(text) is not None:
        return False
    return len(said) < 3 or sum(word in words.COMMON for word in said) >= _ENGLISH * len(said)


def _judged(said: list[str]) -> float:
    """The first rule that knows decides."""
    if " ".join(said) in words.ANSWERS:
        return _FINISHED
    if any(" ".join(said[-count:]) in words.TRAILING_OFF for count in (2, 3, 4)):
        return _OPEN_ENDED
    for rule in (_by_number, _by_last_word, _by_verb, _by_clause):
        if (probability := rule(said)) is not None:
            return probability
    return _by_beginning(said)


def _by_number(said: list[str]) -> float | None:
    """A number that is still being said, or waits for its unit."""
    run = 0
    while run < len(said) and (said[-run - 1] in words.NUMBERS or said[-run - 1].isdecimal()):
        run += 1
    if not run or said[-1] == "one":
        return None
    before = said[: len(said) - run]
    if words.DIGIT_CONTEXTS.intersection(before):
        digits = sum(len(word) if word.isdecimal() else 1 for word in said[-run:])
        return _LIKELY if digits >= _DIGITS else _OPEN_ENDED
    return _DOUBTFUL if before and before[-1] in words.UNIT_TO_COME else _LIKELY


def _by_last_word(said: list[str]) -> float | None:
    """Words that no sentence ends with, or only after certain others."""
    last, before = said[-1], said[-2] if len(said) > 1 else ""
    if last == "so" and before in words.BEFORE_SO:
        return _LIKELY
    if last in words.NEVER_LAST or last in words.FILLERS or last in words.SUBJECTS:
        return _UNFINISHED
    if last in words.PREPOSITIONS:
        if _is_stranded(said) or (before in words.PARTICLE_VERBS and last in {"in", "on", "over", "through", "around"}):
            return _LIKELY
        return _UNFINISHED
    if last == "that":
        return _OPEN_ENDED if before in words.BEFORE_THAT and said[0] not in words.QUESTION_WORDS else _LIKELY
    if last == "you":
        return _OPEN_ENDED if before in words.SUBORDINATORS or _is_asking(said[:-1], before) else _LIKELY
    if last in words.QUESTION_WORDS:
        return _OPEN_ENDED
    return None


def _is_asking(said: list[str], auxiliary: str) -> bool:
    """Whether an auxiliary before `you` waits for a verb: could you, what do you; but not how are you."""
    if auxiliary not in words.AUXILIARIES:
        return False
    return not (auxiliary in {"are", "were"} and said[0] in words.QUESTION_WORDS)


def _is_stranded(said: list[str]) -> bool:
    """Whether the last word's object stands at the beginning: what are you looking at."""
    if said[0] not in words.OBJECT_QUESTIONS or said[-1] not in words.STRANDED or len(said) < 3:
        return False
    before = said[-2]
    if said[-1] == "like":
        return True
    return before.endswith("ing") or before in words.PRONOUNS or (before in words.VERBS and said[-3] in words.PRONOUNS)


def _by_verb(said: list[str]) -> float | None:
    """A verb whose sentence waits for what it is about."""
    last, before = said[-1], said[-2] if len(said) > 1 else ""
    asked = said[0] in words.QUESTION_WORDS and len(said) > 2 and before in words.PRONOUNS
    if last in words.AUXILIARIES:
        if asked and last in {"have", "do"}:
            return _LIKELY
        indirect = before in words.PRONOUNS and words.QUESTION_WORDS.intersection(said[1:-2])
        if said[0] in {"yes", "no", "yeah"} or indirect:
            return _LIKELY
        return _DOUBTFUL if len(said) == 2 and last in words.ELLIPTICAL else _UNFINISHED
    if last in words.CONTRACTIONS:
        return _UNFINISHED
    if last in words.INCOMPLETE_VERBS:
        return _LIKELY if asked else _OPEN_ENDED
    if last == "me" and before in words.INCOMPLETE_VERBS | {"show"}:
        return _DOUBTFUL
    return None


def _by_clause(said: list[str]) -> float | None:
    """A subordinate clause or a beginning that something must follow."""
    if len(said) == 1:
        return None
    inverted = said[1] in words.AUXILIARIES  # when is it
    if said[0] in words.SUBORDINATORS and not inverted and len(said) <= _CLAUSE:
        return _OPEN_ENDED
    if said[0] in words.AUXILIARIES and said[1] in words.PRONOUNS and (len(said) == 2 or said[2:] == ["please"]):
        return _OPEN_ENDED
    return None


def _by_beginning(said: list[str]) -> float:
    """What kind of sentence it is, if nothing at its end is against it."""
    if said[-1] in words.CLOSERS or said[-1] in words.OBJECTS:
        return _FINISHED
    if len(said) == 1 or said[0] in words.IMPERATIVES:
        return _LIKELY
    if said[0] in words.QUESTION_WORDS | words.AUXILIARIES:
        return _FINISHED if len(said) > 3 else _LIKELY
    if words.VERBS.intersection(said):
        return _LIKELY
    return _NEUTRAL + 0.1
