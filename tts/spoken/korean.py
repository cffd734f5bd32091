"""Korean: native numerals before what is counted, Sino-Korean ones elsewhere."""

from __future__ import annotations

from tts.spoken.patterns import END, START
from tts.spoken.verbalizer import Say, Verbalizer

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_COUNTERS = "개(?!월|년)|명|살|마리|번(?!호|째)|잔|병|권|시간|시(?!즌|리)|달(?!러)|대|장|가지|곳|사람|그루|벌|켤레"


class Korean(Verbalizer):
    """Up to 99 counted things have native numerals."""

    def class_rules(self) -> list[tuple[str, Say]]:
        """Only what is counted; the rest is num2words'."""
        return [(rf"{START}([1-9][0-9]?){END} ?(?={_COUNTERS})", lambda match: f"{_native(int(match[1]))} ")]

    def time(self, hours: int, minutes: int, seconds: int | None) -> str:
        """Hours are native, minutes are not: 세 시 삼십 분."""
        said = f"{_native(hours) if hours else self.cardinal(0)} 시"
        said += f" {self.cardinal(minutes)} 분" if minutes else ""
        return said + (f" {self.cardinal(seconds)} 초" if seconds else "")


def _native(value: int) -> str:
    tens, ones = divmod(value, 10)
    return "스무" if value == 20 else _TENS[tens] + _ONES[ones]
