"""Whether a stop inside a line ends a sentence: `sentencex` and its rules for many languages, seen one word ahead.

Knows nothing of lines. Every decision is a function of the unit so far and of one word after the stop, never of how the
text arrived. sentencex sees text without its end, so quotes, brackets and what follows them are judged here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import sentencex

from tts.abbreviations import is_abbreviation
from tts.quotes import is_open
from tts.scripts import base, language_of

_PLAIN = "。！？｡।॥؟۔።፧፨။"  # these end a sentence whatever the next word is
_ASCII = ".!?…‼⁇⁈⁉．\u0589"
_ENDS = _PLAIN + _ASCII
STOP = re.compile(rf"[\n{_ENDS}]|(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e]|(?<=[\u0530-\u058f]):")
"""A newline, or what may end a sentence: `;` is the Greek question mark, `:` the Armenian full stop."""

# `“` closes in German and opens in English and Chinese: it closes where no letter follows.
_CLOSERS = r"""(?:["'”’»›)\]}」』】）》〉〕］*_~`]|“(?=[\s.,;:!?)]|\Z))"""
_REFERENCE = r"[ ]?\[\d{1,3}(?:[-–,]\d{1,3}){0,8}\]"
_REFERENCE_BEGUN = re.compile(r"\[(?:\d{1,3}[-–,]?){0,9}")
# Repetitions are bounded wherever text can repeat, so that no text makes the splitter read a long stretch twice.
_RUN = re.compile(
    rf"[{_ASCII}:;\u037e](?:[{_ENDS}]|[ ]\.(?=[\s.\"'”)\]]|\Z)|{_CLOSERS}|[ \u00a0\u202f][»”]|{_REFERENCE}){{0,64}}"
    rf"|[{_PLAIN}](?:[{_ENDS}]|{_CLOSERS}){{0,64}}"
)
_CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef]")
# What is looked at after a stop: spaces, then the end of the line or a word. A lone mark (dash, emoji) is no word.
_AHEAD = re.compile(
    r"(?P<space>[^\S\n]{0,64})(?:(?P<newline>\n)|(?P<mark>[^\w\s]{1,8}[^\S\n]{1,64})?(?P<word>\S{1,16}))?"
)
_WORD_LENGTH = 16
_LONE_MARK = re.compile(r"[^\w\s]{1,8}")
_NO_WORD = re.compile(r"[^\S\n]{64}|[^\S\n]*\n")
_LIST_MARKER = re.compile(r"\W{0,4}(?:\d{1,3}|[A-Za-z])")
_NAMED_BY_LETTER = "plan|option|vitamin|grade|type|class|group|team|part|point|step|case|answer|category"
_ENDS_WITH_LETTER = re.compile(rf"(?:\d\s?|/|\b(?:{_NAMED_BY_LETTER})\s)[A-Za-zµ°]\Z", re.IGNORECASE)
"""A letter that is no initial: a unit of measure, or a name from a row of choices."""
_OPENING = "\"'“„«‘([{¿¡*_`—–- "
_CAMEL = re.compile(r"\W*[a-z]+[A-Z]")
_JAPANESE_QUOTATIVE = re.compile("[」』][とっ]")
_ENDS_LINE = re.compile(rf"(?:[{_ENDS}:：]{_CLOSERS}*|[\U0001f000-\U0001fbff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u20e3])\Z")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided about a stop."""

    cut: bool
    end: int
    """Offset after the stop and the quotes, brackets and references that belong to it."""


def ends_line(line: str) -> bool:
    """Whether the newline after `line` is a cut: it follows a stop, a colon or an emoji."""
    return bool(_ENDS_LINE.search(line.rstrip()[-16:]))


def _is_whole(text: str, ahead: re.Match[str]) -> bool:
    """Whether the word after a stop can grow no more, or not into one that is judged otherwise."""
    word, end = ahead["word"] or "", ahead.end()
    if not word:
        return bool(_NO_WORD.match(ahead["space"]))
    if _LONE_MARK.fullmatch(word) and not ahead["mark"]:
        return bool(_NO_WORD.match(text, end))
    return len(word) == _WORD_LENGTH or text[end : end + 1].isspace() or _is_cjk_word(word)


def _is_cjk_word(word: str) -> bool:
    return word[:1].isalnum() and bool(_CJK.match(word))


class Stops:
    """The judge of one answer's stops."""

    def __init__(self, lang: str | None) -> None:
        self._lang = lang

    def judge(self, text: str, start: int, *, final: bool = False) -> Judgement | None:
        """Judge the stop at `text[start]`; `text` begins with its unit. None: more text is needed, unless `final`."""
        run = _RUN.match(text, start)
        assert run is not None
        end = run.end()
        if end == len(text) or _REFERENCE_BEGUN.fullmatch(text, end):
            return Judgement(False, end) if final else None
        if text[end].isspace():
            return self._before_space(text, start, end, final)
        cut = not is_open(text[:end]) and self._ends_before_letter(text, start, end)
        return Judgement(cut, end)

    def _ends_before_letter(self, text: str, start: int, end: int) -> bool:
        """No space follows: so it is in the scripts that have none, and nowhere else."""
        if text[start] in _PLAIN:
            return not _JAPANESE_QUOTATIVE.match(text, end - 1)
        return text[start] not in ".．…:;" and bool(_CJK.match(text, end))

    def _before_space(self, text: str, start: int, end: int, final: bool) -> Judgement | None:
        if text[start] in _PLAIN:
            return Judgement(not is_open(text[:end]), end)
        ahead = _AHEAD.match(text, end)
        assert ahead is not None
        if ahead["newline"]:
            return Judgement(True, end)
        if not final and not _is_whole(text, ahead):
            return None
        word = ahead["word"] or ""
        word = word[:1] if _is_cjk_word(word) else word  # only its first letter is sure to be here
        cut = not is_open(text[:end]) and self._ends_before_word(text, start, end, word)
        return Judgement(cut and bool(word or not final), end)

    def _ends_before_word(self, text: str, start: int, end: int, word: str) -> bool:
        if text[start] in ".…!" or end - start > 1:  # a bare question mark alone may be followed by lower case
            first = next((char for char in word if char.isalnum()), "")
            if first.islower() and not _CAMEL.match(word):
                return False
        before = text[max(0, start - 32) : start]
        lang = base(language_of(before, self._lang) or "en")
        if text[start] == ".":
            if _LIST_MARKER.fullmatch(text[:start]):
                return False
            if (abbreviation := is_abbreviation(before, lang, word)) is not None:
                return not abbreviation
            if _ENDS_WITH_LETTER.search(before):
                return True
        # Without the marks around the stop: sentencex keeps together what a quote or bracket opened.
        known = text[: start + 1] + " "
        ends = (each["end_index"] for each in sentencex.get_sentence_boundaries(lang, known + word.lstrip(_OPENING)))
        return any(start < each <= len(known) for each in ends)
