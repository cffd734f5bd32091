"""Abbreviations whose full stop ends no sentence, beside those that `sentencex` knows."""

from __future__ import annotations

import re

# Forms before their last full stop, in lower case. A capital may follow each of them inside a sentence.
_COMMON = "approx app tsp tbsp fig figs sec eq art no nos vol ch pp ed eds prof dr mr mrs ms mt ft ave ca vs"
_BY_LANGUAGE = {
    "en": "messrs gen sen rep gov capt lt col sgt hon rev pres supt",
    "de": "z.b d.h u.a z.t z.z i.d.r v.a o.ä u.ä bzw ggf evtl nr str abs bspw vgl inkl hr fr",
    "fr": "m mm mme mmes mlle me st ste av boul env p.ex éd n°",
    "es": "sr sra srta d dña ud uds lic ing dra dres pág págs av avda núm tel aprox ej p.ej a.m p.m a.c d.c gral",
    "pt": "sr sra srta dra exmo exma av pág págs tel aprox ex p.ex eng núm",
    "it": "sig sigg sig.ra sig.na dott dott.ssa ing avv arch geom rag prof.ssa egr pag pagg tel es p.es psicol idraul",
    "nl": "dhr mevr mw d.w.z bijv o.a m.b.t i.p.v t.a.v ing drs mr ir blz nr resp incl excl",
    "pl": "godz ul al pl np m.in tj tzn prof dr inż mgr im św ok tel nr str r tys mln",
    "ru": "г ул д пр просп проф акад им т.е т.д т.п т.к тов гр стр рис табл руб коп тыс млн млрд см напр",
    "uk": "м вул просп проф акад ім т.д т.п т.зв напр стор рис табл грн коп тис млн млрд журн",
    "sv": "t.ex bl.a d.v.s s.k o.s.v m.m fr.o.m t.o.m nr kl ca",
    "da": "f.eks bl.a d.v.s m.m nr kl ca hr fr",
    "tr": "dr prof doç sn av örn vb cad sok mah no",
    "hi": "डॉ श्री प्रो पं रु",
    "mr": "डॉ श्री प्रा रु",
    "bn": "ডা ড মো",
    "ml": "ഡോ മി പ്രൊ ശ്രീ",
    "el": "δρ κ κα κος π.χ δηλ αρ σελ τηλ",
}
_NUMBERED = frozenset(["no", "nos", "app", "art", "sec", "fig", "figs", "eq", "ch", "vol"])
"""Those that are words as well, and abbreviations only before a number or a letter: No. 5, App. B."""
_NUMBER = re.compile(r"[(\[#]?(?:\d|[A-Z]\d|[IVX]{2,}\b|[B-HJ-Z]\b)")
_LETTER_A = re.compile(r"(?:App|Art|Fig|Sec) A\b")
"""`I` and `A` begin sentences: No. A cat is none."""
_CAPITALISED = frozenset(["ms", "mt", "ft", "gen", "sen", "rep", "col", "pres", "usw"])
"""Those that end a sentence unless they have a capital themselves. A capital follows in any case, so that their own has
to tell: Mt. Everest and Ft. Worth, but 500 ft. It was cold."""
_ET_AL = re.compile(r"\bet al\Z", re.IGNORECASE)
_AFTER_HOUR = re.compile(
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b|eastern|pacific|central|mountain"
    r"|[ecmp][sd]?t\b|utc|gmt|cet|ist\b",
    re.IGNORECASE,
)
_HOUR = re.compile(r"\d\s?[ap]\.?\s?m\Z", re.IGNORECASE)
_LAST_TOKEN = re.compile(r"(?:^|[\s(\[„“\"«'’`*_–—-])([^\s(\[„“\"«'’`*_–—-]+)\Z")
_SPACED = re.compile(r"(?<=\.)\s(?=\w+\Z)")

_COMMON_FORMS = frozenset(_COMMON.split())
_FORMS = {lang: _COMMON_FORMS | frozenset(forms.split()) for lang, forms in _BY_LANGUAGE.items()}


def is_abbreviation(before: str, lang: str, following: str) -> bool | None:
    """Whether the full stop after `before` belongs to an abbreviation of `lang`, given the word that follows.

    `lang` is a bare language subtag. `z. B` counts as `z.B`. None: it is none that is known here.
    """
    if _HOUR.search(before):
        return bool(_AFTER_HOUR.match(following)) or None
    found = _LAST_TOKEN.search(_SPACED.sub("", before))
    token = found.group(1) if found else ""
    form = token.lower()
    if form in _NUMBERED:
        return bool(_NUMBER.match(following) or _LETTER_A.match(f"{token} {following}"))
    if form in _CAPITALISED and form == token:
        return False
    return form in _FORMS.get(lang, _COMMON_FORMS) or bool(_ET_AL.search(before)) or None
