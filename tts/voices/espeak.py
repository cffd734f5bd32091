"""The voice that is always there: eSpeak NG, small, fast, many languages, a robot's sound.

Knows which of its voices reads which language. It has no words for Japanese kanji: kana are read, kanji are not.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from tts.limit import limit_cut
from tts.scripts import base, language_of
from tts.tempo import Tempo
from tts.voices.espeak_process import EspeakProcess

# BCP-47 tags whose espeak voice has another name; it refuses these and keeps the voice it had.
_RENAMED = {"zh": "cmn", "en": "en-us", "en-gb": "en-gb-x-rp", "no": "nb", "zh-yue": "yue", "zh-hk": "yue"}
LANGUAGES = (
    *("en", "en-US", "en-GB", "zh", "yue", "ja", "ko", "de", "fr", "es", "es-419", "it", "pt", "pt-BR", "ru", "uk"),
    *("ar", "fa", "he", "tr", "hi", "bn", "ta", "te", "ml", "mr", "ur", "nl", "sv", "da", "nb", "fi", "is", "pl", "cs"),
    *("sk", "sl", "hr", "sr", "bg", "ro", "hu", "el", "et", "lv", "lt", "ca", "eu", "vi", "id", "ms", "th", "sw"),
    *("af", "hy", "ka", "kk", "az", "eo"),
)
_WORDS_PER_MINUTE = 150  # espeak's own 175 is understood less well
_SLOWEST, _FASTEST = 80, 450
"""Words a minute that espeak can do; the rest of a wish is done to its sound."""
_PORTION = 1000
"""Characters sent at once; about a minute of audio, the most that waits in memory for a listener."""


class EspeakVoice:
    """One espeak variant. Voices may share a process; it ends when the last of them is closed."""

    sample_rate = 22_050
    languages: tuple[str, ...] = LANGUAGES
    slots = 1  # the process speaks one unit after the other

    def __init__(self, name: str, process: EspeakProcess, *, lang: str = "en", variant: str | None = None) -> None:
        """`lang` is spoken when the text does not say otherwise; `variant` is one of espeak's, such as `f3`."""
        self.name = name
        self.place = self._process = process
        self._lang, self._variant = lang, variant
        process.join(self)

    async def start(self) -> None:
        """Start the process, so that the first unit need not wait for it."""
        await self._process.start()

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """See `tts.voice.Voice`. `lang` yields to the script of a text that it cannot be written in.

        `seed` changes nothing: espeak leaves nothing to chance.
        """
        names = espeak_names(language_of(text, lang) or language_of(text, self._lang) or "en", self._variant)
        rate = round(min(max(_WORDS_PER_MINUTE * speed, _SLOWEST), _FASTEST))
        beyond = _WORDS_PER_MINUTE * speed / rate
        tempo = Tempo(self.sample_rate, beyond) if abs(beyond - 1) > 0.01 else None
        while text.strip():  # espeak makes a click of nothing
            cut = limit_cut(text[:_PORTION]) if len(text) > _PORTION else len(text)
            async with aclosing(self._process.speak(text[:cut], names, rate)) as chunks:
                async for chunk in chunks:
                    if sound := tempo.feed(chunk) if tempo else chunk:
                        yield sound
            text = text[cut:]
        if tempo and (rest := tempo.flush()):
            yield rest

    async def close(self) -> None:
        """Leave the process; the last voice to leave ends it."""
        await self._process.leave(self)


def espeak_names(lang: str, variant: str | None = None) -> list[str]:
    """espeak's names for a BCP-47 tag, the best first: that of the region, then that of the language."""
    tags = dict.fromkeys((lang.lower(), base(lang)))
    suffix = f"+{variant}" if variant else ""
    return [_RENAMED.get(tag, tag) + suffix for tag in tags]


VARIANTS = ("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8")
OPENAI_ALIASES = {
    "alloy": "espeak-f5",
    "ash": "espeak-m3",
    "ballad": "espeak-m5",
    "cedar": "espeak-m7",
    "coral": "espeak-f2",
    "echo": "espeak-m1",
    "fable": "espeak-m6",
    "marin": "espeak-f1",
    "nova": "espeak-f3",
    "onyx": "espeak-m8",
    "sage": "espeak-f4",
    "shimmer": "espeak-f3",
    "verse": "espeak-m2",
}
"""OpenAI's voice names, each for the variant that comes nearest in pitch."""


def espeak_voices() -> list[EspeakVoice]:
    """`default` and one voice per variant, `espeak-f1` and so on, in one process."""
    process = EspeakProcess()
    default = EspeakVoice("default", process, variant="f3")
    return [default, *(EspeakVoice(f"espeak-{variant}", process, variant=variant) for variant in VARIANTS)]
