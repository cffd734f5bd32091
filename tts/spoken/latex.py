"""Say LaTeX formulas simply: fractions, powers, roots, Greek letters, relations. Knows no layout."""

from __future__ import annotations

import re

from tts.spoken.vocabulary import Words

# A dollar opens a formula if something that no price has follows before the next one.
_FORMULA = re.compile(
    r"\$\$([^$]{1,2000}+)\$\$|\\\[((?:[^\\]|\\[^\]\[]){1,2000}+)\\\]|\\\(((?:[^\\]|\\[^()]){1,2000}+)\\\)"
    r"|(?<![\w$\\])\$(?![\s$])((?=[^$\n]{0,300}[\\^_={}<>+]|[A-Za-z]{1,2}\$|[^$\n]{0,20}[a-z]\$)[^$`\n]{1,300}+)(?<!\s)\$(?![0-9])"
)
_BARE = re.compile(r"\\(?=(?:frac|sqrt|times|cdot|text|sum|int|alpha|beta|pi|leq|geq|infty)(?![a-z]))")
_GROUP = r"(?:\{([^{}]*+)\}|([A-Za-z0-9]))"
_DEPTH = 6
"""Groups inside groups that are understood; deeper ones lose their braces only."""
_LAYOUT = re.compile(
    r"\\(?:left|right|big|Big|bigg|displaystyle|quad|qquad|limits|nonumber|begin\{\w{1,20}\*?\}|end\{\w{1,20}\*?\})"
    r"(?![a-z])|\\[,;:! ]|&"
)
_NAMED = re.compile(
    r"\\(?:text|mathrm|mathbf|mathit|mathbb|mathcal|operatorname|textbf|textit|boxed|vec|hat|bar)\s?\{([^{}]*+)\}"
)
_FRACTION = re.compile(rf"\\[dt]?frac\s?{_GROUP}\s?{_GROUP}")
_ROOT = re.compile(rf"\\sqrt\s?{_GROUP}")
_POWER = re.compile(r"([A-Za-z0-9)])\s?\^\s?(?:\{([^{}]*+)\}|([A-Za-z0-9])(?![0-9]))")
_SUBSCRIPT = re.compile(rf"([A-Za-z0-9)])\s?_\s?{_GROUP}")
_SIGNS = {
    "times": "×",
    "cdot": "×",
    "div": "÷",
    "pm": "±",
    "leq": "≤",
    "le": "≤",
    "geq": "≥",
    "ge": "≥",
    "neq": "≠",
    "ne": "≠",
    "approx": "≈",
    "sim": "≈",
    "infty": "∞",
    "to": "→",
    "rightarrow": "→",
    "Rightarrow": "→",
    "lt": "<",
    "gt": ">",
    "equiv": "=",
    "circ": "°",
    "degree": "°",
    "ldots": "…",
    "cdots": "…",
    "dots": "…",
    "%": "%",
    "&": "&",
    "$": "",
    "#": "#",
    "_": " ",
    "\\": " ",
}
_COMMAND = re.compile(r"\\([A-Za-z]{1,30}|[%&$#_\\])")


def say_formulas(text: str, words: Words) -> str:
    """Replace each formula between dollars or LaTeX brackets by words; prices keep their dollars."""
    if "$" not in text and "\\" not in text:
        return text
    text = _FORMULA.sub(lambda match: f" {_say(next(filter(None, match.groups()), ''), words)} ", text)
    return _say(text, words) if _BARE.search(text) else text


def _say(formula: str, words: Words) -> str:
    formula = _LAYOUT.sub(" ", formula)
    for _ in range(_DEPTH):  # from the inside out
        before = formula
        formula = _NAMED.sub(r" \1 ", formula)
        formula = _SUBSCRIPT.sub(lambda match: _two(words.subscript, match), formula)
        formula = _POWER.sub(lambda match: _power(words, match), formula)
        formula = _ROOT.sub(lambda match: f" {words.root.format(a=_content(match, 1))} ", formula)
        formula = _FRACTION.sub(
            lambda match: f" {words.over.format(a=_content(match, 1), b=_content(match, 3))} ", formula
        )
        if formula == before:
            break
    formula = _COMMAND.sub(_named, formula)
    return re.sub(r"[{}]", " ", formula).replace("-", "−")


def _content(match: re.Match[str], group: int) -> str:
    return (match[group] or match[group + 1] or "").strip()


def _two(template: str, match: re.Match[str]) -> str:
    return f" {template.format(a=match[1], b=_content(match, 2))} "


def _power(words: Words, match: re.Match[str]) -> str:
    """A number as the exponent is left to the rules for numbers."""
    exponent = _content(match, 2)
    return f"{match[1]}^{exponent} " if exponent.isdecimal() else _two(words.power, match)


def _named(match: re.Match[str]) -> str:
    return f" {_SIGNS.get(match[1], match[1])} "
