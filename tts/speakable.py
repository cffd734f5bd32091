"""What a voice should say for what is shown: the words of a unit without its markup.

Formulas, markup and addresses come first, then numbers and signs in the language around them (`tts.spoken`). What is
left that no voice can say goes. The shown text is never changed.
"""

from __future__ import annotations

import re

from tts.spoken.addresses import say_addresses
from tts.spoken.characters import plain_characters
from tts.spoken.languages import dollars, main_language, stretches, subtag, verbalizer
from tts.spoken.latex import say_formulas
from tts.spoken.markdown import is_code, without_markup
from tts.spoken.vocabulary import WORDS

_PASSES = 5
"""Nearly every text needs one, and a second that changes nothing; marks that hide others may need more."""
_ITEM = re.compile(r"\s*+(?:[(（]([0-9]{1,3})[)）]|([0-9]{1,3})[.)、．](?![0-9])) ?+(?=\S)")
_DOLLARS = re.compile(r"\$ ?([0-9][0-9.,]{0,20}+)")
_SHARP = re.compile(r"\b([CFJ])#")
_UNSAID = re.compile(r"[*_#|`~<>\[\]{}\\$^=@]++|/(?![0-9])|(?<![0-9])/")
_LOOSE_JOINERS = re.compile(r"(?:\A|(?<=\s))[\u200c\u200d]++|[\u200c\u200d]++(?![^\W\d_])")
_DASHES = re.compile(r"--++")
_LEADING = re.compile(r"\A(?:[\s–—•·,，、;；:：。]|[-+.](?![0-9]))++")
_GAPS = re.compile(r" (?=[)），。；：！？、]|[,.;:!?…，。；：！？、](?:[\s,.;:!?…，。；：！？、)]|\Z))|(?<=[(（]) ")


def speakable(unit: str, lang: str | None = None) -> str:
    """The words to say for one unit of `SentenceSplitter`; empty if it holds none. They are said as they are.

    `lang` is the language of the answer, a BCP-47 tag; it yields to the script of the text, and None decides by the
    script alone, Latin as English. `docs/voices.md` has the rules. Takes any text and raises nothing.
    """
    if is_code(unit):
        return WORDS.get(subtag(lang or "en"), WORDS["en"]).code
    for _ in range(_PASSES):
        before, unit = unit, _said(unit, lang)
        if unit == before:
            break
    return unit


def _said(unit: str, lang: str | None) -> str:
    text, main = plain_characters(unit), main_language(unit, lang)
    if main not in WORDS:
        return _tidy(_DOLLARS.sub(lambda match: f"{match[1]} {dollars(main)}", without_markup(text)))
    words = WORDS[main]
    text = _item(without_markup(say_formulas(text, words)), main)
    text = say_addresses(_SHARP.sub(r"\1 sharp", text), words)
    return _tidy("".join(_verbalized(piece, piece_lang) for piece, piece_lang in stretches(text, main, lang)))


def _item(text: str, lang: str) -> str:
    """The number of a list item is said, as a sentence of its own."""
    match, speaker = _ITEM.match(text), verbalizer(lang)
    if match is None or speaker is None or not speaker.reads_numbers or re.match(speaker.months, text[match.end() :]):
        return text
    said = speaker.cardinal(int(match[1] or match[2]))
    return f"{said}{'. ' if speaker.words.spaced else '、'}{text[match.end() :]}"


def _verbalized(text: str, lang: str) -> str:
    speaker = verbalizer(lang)
    return speaker.verbalize(text) if speaker else text


def _tidy(text: str) -> str:
    """Without what no voice can say, and without the gaps that it leaves."""
    text = _DASHES.sub(" – ", _UNSAID.sub(" ", text))
    text = " ".join(_LOOSE_JOINERS.sub("", text).split())
    text = _LEADING.sub("", _GAPS.sub("", text))
    return text if any(char.isalnum() for char in text) else ""
