"""Names of currencies in each language: our own short ones, else those of num2words, else CLDR's."""

from __future__ import annotations

from babel.numbers import get_currency_name
from num2words import CONVERTER_CLASSES

from tts.spoken.units import CURRENCY_NAMES, CURRENCY_SIGNS

_FORMS = 4


def currency_code(sign: str, lang: str) -> str:
    """The ISO 4217 code of a sign or code; the sign of yuan and yen is yuan in Chinese only."""
    if sign in "¥￥" and lang != "zh":
        return "JPY"
    return {"RMB": "CNY"}.get(sign, CURRENCY_SIGNS.get(sign, sign))


def currency_names(lang: str, code: str, count: int, below: int) -> tuple[str, str]:
    """The nouns for `count` of a currency and `below` hundredths of it; the second is empty where nobody says it."""
    if own := CURRENCY_NAMES.get(lang, {}).get(code):
        one, many, cent, cents = own if len(own) == _FORMS else (own[0], own[0], "", "")
        return one if count == 1 else many, cent if below == 1 else cents
    converter = CONVERTER_CLASSES.get(lang)
    if forms := getattr(converter, "CURRENCY_FORMS", {}).get(code):
        return converter.pluralize(count, forms[0]), converter.pluralize(below, forms[1])
    return str(get_currency_name(code, count=count, locale=lang)), ""


def of_currency(lang: str, noun: str) -> str:
    """The noun as it is after millions."""
    if lang == "fr" and noun[0] in "aeiou":
        return f"d'{noun}"
    return {"fr": "de ", "es": "de ", "pt": "de ", "it": "di "}.get(lang, "") + noun
