"""Mandarin: numbers written out by rules of their own, years by their digits, 两 before counted things."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping

from tts.spoken.currencies import currency_names
from tts.spoken.patterns import END, START
from tts.spoken.units import CHINESE_UNITS
from tts.spoken.verbalizer import Say, Verbalizer

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_COUNTERS = (
    "个|只|条|张|本(?!书店)|台|辆|件|位|名|家|次|天|年(?!级|代)|周|星期|小时|分钟|秒|岁|倍|种|块|元|美元|欧元|米|公里|千米|厘米|公斤|千克"
    "|克|吨|升|毫升|杯|瓶|部|座|层|节|篇|句|段|套|双|对|把|棵|朵|头|匹|间|份|项|场|遍|回|口|人|步|斤|点|碗|包|盒|支|枚|颗|片|架|艘|所|万|亿|千|個|隻|條|張|臺|輛|歲|塊|層|雙|對|間|項|場|萬|億"
)
_SPOKEN_DIGITS = "电话|手机|号码|热线|拨打|致电"
_WRITTEN_DIGITS = "QQ|编号|学号|卡号|密码|验证码|邮编|房间|房号|航班|代码|尾号"


class Chinese(Verbalizer):
    """Mandarin in either script; the words are in simplified characters."""

    big_words = "万亿|千亿|百亿|亿|千万|百万|十万|万"
    negative = "负"
    units: Mapping[str, str] = CHINESE_UNITS

    def class_rules(self) -> list[tuple[str, Say]]:
        """Four digits before 年 are a year; those that end in 00 are a time span before 年前."""
        to = self.words.to
        year = r"[12][0-9]{3}"
        return [
            (
                rf"{START}(1[3-9][0-9])[ -]?([0-9]{{4}})[ -]?([0-9]{{4}}){END}",
                lambda match: self._phone_digits("".join(match.groups())),
            ),
            (
                rf"({_SPOKEN_DIGITS})([^0-9]{{0,6}})([0-9]{{3,20}}){END}(?![-.,])",
                lambda match: match[1] + match[2] + self._phone_digits(match[3]),
            ),
            (
                rf"({_WRITTEN_DIGITS})([^0-9]{{0,6}})([0-9]{{3,20}}){END}(?![-.,])",
                lambda match: match[1] + match[2] + self.digits(match[3]),
            ),
            (
                rf"{START}({year})[-–—~～至到]({year})(?=年|学年)",
                lambda match: self.digits(match[1]) + to + self.digits(match[2]),
            ),
            (rf"{START}({year}) ?(年前?|财年|学年|届|级)", self._year),
            (
                rf"{START}({year})[-/.](1[0-2]|0[1-9]){END}(?![-/.][0-9])",
                lambda match: f"{self.digits(match[1])}年{self.cardinal(int(match[2]))}月",
            ),
            (r"(?:(?<=[0-9%°℃])|(?<=[0-9]度))[-–—~～](?=[0-9.]{1,12}[^0-9.=\-–—])", lambda match: to),
            (r"(?<!\w)[-−](?=[0-9.]{1,9} ?(?:°|℃|度|摄氏))|(?<=[温度约])[-−](?=[0-9])", lambda match: "零下"),
            (r"(?<=[为是到至于])[-−](?=[0-9])", lambda match: "负"),
            (rf"{START}(?<![/⁄×第期周])2 ?(?={_COUNTERS})", lambda match: "两"),
            (r"(?<=[0-9][元块次])/(?=[\u4e00-\u9fff])", lambda match: "每"),
            (r"\b[Nn]o\. ?(?=[0-9])", lambda match: self.words.signs["#"]),
            (
                rf"(?<=比分)([ 为是]{{0,2}})([0-9]{{1,3}})[:：-]([0-9]{{1,3}}){END}",
                lambda match: f"{match[1]}{self.cardinal(int(match[2]))}比{self.cardinal(int(match[3]))}",
            ),
            (
                rf"({self.number})([kwW])(?![A-Za-z0-9])",
                lambda match: self.said(match[1]) + ("万" if match[2] in "wW" else "千"),
            ),
        ]

    def cardinal(self, value: int) -> str:
        """Up to sixteen digits: 两 before 千, 万 and 亿, else 二; 十 without 一 at the beginning."""
        if value == 0:
            return _DIGITS[0]
        groups = []
        while value:
            value, group = divmod(value, 10_000)
            groups.append(group)
        said = ""
        for place in range(len(groups) - 1, -1, -1):
            group = groups[place]
            if not group:
                continue
            # A gap between two groups is said once.
            gap = _DIGITS[0] if said and (group < 1000 or not groups[place + 1]) else ""
            said += gap + ("两" if group == 2 and place else _group(group)) + _GROUPS[place]
        return said.removeprefix("一") if said.startswith("一十") else said

    def digits(self, digits: str) -> str:
        """二零二六."""
        return "".join(_DIGITS[int(digit)] for digit in digits)

    def date(self, day: datetime.date) -> str:
        """二零二六年二月三日."""
        return f"{self.digits(str(day.year))}年{self.cardinal(day.month)}月{self.cardinal(day.day)}日"

    def time(self, hours: int, minutes: int, seconds: int | None) -> str:
        """十点零五分."""
        said = f"{'两' if hours == 2 else self.cardinal(hours)}点"
        if minutes or seconds:
            said += f"{'零' if minutes < 10 else ''}{self.cardinal(minutes) if minutes else ''}分"
        return said + (f"{self.cardinal(seconds)}秒" if seconds else "")

    def money(self, whole: str, fraction: str, code: str, big: str) -> str:
        """三点五美元."""
        fraction = fraction.rstrip("0")
        number = self.said(f"{whole}.{fraction}") if fraction else "两" if whole == "2" else self.whole(whole)
        return f"{number}{big}{currency_names(self.lang, code, 1, 0)[0]}"

    def percent(self, number: str) -> str:
        """百分之五十."""
        return f"百分之{self.said(number)}"

    def measure(self, number: str, unit: str) -> str:
        """两公里."""
        whole, fraction = self.parsed(number)
        said = "两" if whole == "2" and not fraction else self.said(number)
        return said + self.units[unit]

    def mixed(self, whole: int, fraction: str) -> str:
        """一又二分之一."""
        return f"{self.cardinal(whole)}又{fraction}"

    def power(self, base: str, exponent: str) -> str:
        """平方."""
        short = {"二": "平方", "三": "立方"}.get(exponent)
        return f"{base}的{short}" if short else super().power(base, exponent)

    def _year(self, match: re.Match[str]) -> str:
        span = match[1] == "1000" or (match[2] == "年前" and match[1].endswith("00"))
        return (self.whole(match[1]) if span else self.digits(match[1])) + match[2]

    def _phone_digits(self, digits: str) -> str:
        """Digits as telephone numbers are told, where 一 could be heard as 七."""
        return self.digits(digits).replace("一", "幺")

    def _phone(self, match: re.Match[str]) -> str:
        plus = "加" if match[1].startswith("+") else ""
        return plus + "，".join(self._phone_digits(group) for group in re.findall("[0-9]+", match[1]))


def _group(value: int) -> str:
    """Four digits: 一千零五十."""
    said, gap = "", False
    for place in range(3, -1, -1):
        digit = value // 10**place % 10
        if digit:
            zero = _DIGITS[0] if gap and said else ""
            said += zero + ("两" if digit == 2 and place == 3 else _DIGITS[digit]) + _PLACES[place]
        gap = not digit
    return said
