"""Say web addresses, e-mail addresses, file names and paths with words for their signs. Knows no numbers."""

from __future__ import annotations

import re

from tts.spoken.vocabulary import Words

_DOMAINS = (
    "com|org|net|edu|gov|int|info|biz|io|ai|dev|app|co|me|tv|cn|uk|de|fr|es|it|pt|ru|jp|kr|eu|us|ca|au|nl|ch|at|br|in"
)
_LABELS = r"[A-Za-z0-9\u00c0-\u024f](?:[\w-]{0,62})(?:\.[\w-]{1,63}){0,9}"
_PATH = r"(?:/[\w./~%+@:,-]{0,500}(?<![.,:]))?(?:[?#][^\s<>()\"'，。；、）]{0,1000}(?<![.,:;!?]))?"
_START = r"(?<![\w.@/-])"
_MAIL = re.compile(rf"{_START}(?:mailto:)?([A-Za-z0-9][\w.+-]{{0,63}})@({_LABELS})(?![\w@])", re.ASCII)
_WEB = re.compile(
    rf"{_START}(?:(?:https?|ftp)://)({_LABELS}(?::[0-9]{{1,5}})?{_PATH})"
    rf"|{_START}(?:www\.)({_LABELS}{_PATH})"
    rf"|{_START}((?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,5}}(?:{_DOMAINS})(?![\w-]|\.\w){_PATH})",
    re.ASCII,
)
_FILE_PATH = re.compile(
    r"(?<![\w/.:<])(?:~|\.{1,2})?(?:/[\w.+-]{1,100}){1,20}/?(?<!\.)|(?<![\w/])[\w.-]{1,50}(?:/[\w.-]{1,50}){2,20}(?<!\.)",
    re.ASCII,
)
_NAME_DOT = re.compile(r"(?<=[A-Za-z0-9_]{2})\.(?=[a-z]{2})|(?<=[a-z]\))\.(?=[a-z]{2})|(?<![\w.])\.(?=[a-z]{2})")
_NUMERIC = re.compile(r"[0-9./]*+")
_SIGN = re.compile(r"[./@_~%+:?#=&-]")


def say_addresses(text: str, words: Words) -> str:
    """Replace the signs in addresses and names by words; the scheme, `www.`, `?` and `#` and what follows go."""
    if "." not in text and "/" not in text:
        return text
    text = _MAIL.sub(
        lambda match: _say(match[1], words) + _between(words, words.signs["@"]) + _say(match[2], words), text
    )
    text = _WEB.sub(lambda match: _say(_located(match), words), text)
    text = _FILE_PATH.sub(lambda match: _path(match[0], words), text)
    return _NAME_DOT.sub(_between(words, words.dot), text)


def _located(match: re.Match[str]) -> str:
    address = next(filter(None, match.groups()))
    return re.split("[?#]", address.removeprefix("www."), maxsplit=1)[0].rstrip("/")


def _path(path: str, words: Words) -> str:
    """A date, a fraction or words with slashes between them are no path."""
    return path if _NUMERIC.fullmatch(path) else _say(path, words)


def _say(address: str, words: Words) -> str:
    said = {
        ".": words.dot,
        "/": words.slash,
        "-": words.dash,
        "_": words.underscore,
        "+": words.signs["+"],
        "~": "",
        "%": "",
    }
    said |= {"@": words.signs["@"], ":": " ", "?": " ", "#": " ", "=": " ", "&": " "}
    return _SIGN.sub(lambda match: _between(words, said[match[0]]), address)


def _between(words: Words, said: str) -> str:
    return f" {said} "
