"""The words that each language has for signs: what is said for `=`, a decimal point, a code block. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field

SIGNS = "=+−×÷<>≤≥≠≈±&@%‰∞→°#"
"""The order of the words in `Words.signs`."""


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words. Templates take `{a}` and `{b}`."""

    signs: dict[str, str]
    point: str
    to: str
    """Between the ends of a range."""
    ratio: str
    by: str
    """Between lengths, as in 3 x 4 m."""
    dot: str
    slash: str
    dash: str
    underscore: str
    over: str
    power: str
    root: str
    subscript: str
    code: str
    clock: tuple[str, str]
    """Templates of a time of hours `{a}` and minutes `{b}`, and of a full hour `{a}`."""
    decimal: str = "."
    magnitudes: dict[str, str] = field(default_factory=dict)
    """Letters after a price: what they say."""
    fractions: dict[str, str] = field(default_factory=dict)
    """Those with names of their own."""
    ones: tuple[tuple[str, str, str], ...] = ()
    """Endings of cardinals that bow to a noun: as counted, before a masculine one, before a feminine one."""
    feminine: str = r"(?!)"
    """Pattern of the nouns that are feminine."""
    spaced: bool = True
    """Whether words are parted by spaces."""


def _fractions(words: str) -> dict[str, str]:
    return dict(zip(("1/2", "1/3", "2/3", "1/4", "3/4"), words.split("|"), strict=True))


def _signs(words: str) -> dict[str, str]:
    return dict(zip(SIGNS, words.split("|"), strict=True))


WORDS = {
    "en": Words(
        _signs(
            "equals|plus|minus|times|divided by|less than|greater than|at most|at least|not equal to|"
            "about|plus or minus|and|at|percent|per mille|infinity|to|degrees|number"
        ),
        *("point", "to", "to", "by", "dot", "slash", "dash", "underscore"),
        *("{a} over {b}", "{a} to the power of {b}", "the square root of {a}", "{a} sub {b}", "Code example."),
        clock=("{a} {b}", "{a} o'clock"),
        magnitudes={"k": "thousand", "M": "million", "m": "million", "bn": "billion", "B": "billion", "tn": "trillion"},
    ),
    "zh": Words(
        _signs(
            "等于|加|减|乘|除以|小于|大于|小于等于|大于等于|不等于|约等于|正负|和|艾特|百分号|千分号|无穷大|到|度|第"
        ),
        *("点", "到", "比", "乘", "点", "斜杠", "杠", "下划线"),
        *("{b}分之{a}", "{a}的{b}次方", "根号{a}", "{a}下标{b}", "代码示例。"),
        clock=("{a}点{b}分", "{a}点"),
        magnitudes={"k": "千", "w": "万", "M": "百万", "m": "百万", "B": "十亿", "bn": "十亿"},
        spaced=False,
    ),
    "de": Words(
        _signs(
            "gleich|plus|minus|mal|geteilt durch|kleiner als|größer als|höchstens|mindestens|"
            "ungleich|ungefähr|plus minus|und|at|Prozent|Promille|unendlich|nach|Grad|Nummer"
        ),
        *("Komma", "bis", "zu", "mal", "Punkt", "Schrägstrich", "Strich", "Unterstrich"),
        *("{a} durch {b}", "{a} hoch {b}", "Wurzel aus {a}", "{a} Index {b}", "Codebeispiel."),
        fractions=_fractions("ein halb|ein Drittel|zwei Drittel|ein Viertel|drei Viertel"),
        clock=("{a} Uhr {b}", "{a} Uhr"),
        decimal=",",
        magnitudes={"Mio": "Millionen", "Mrd": "Milliarden", "Tsd": "Tausend"},
        ones=(("eins", "ein", "eine"),),
        feminine=r"(?:Minute|Stunde|Sekunde|Tonne|Meile|Unze|Woche)",
    ),
    "fr": Words(
        _signs(
            "égale|plus|moins|fois|divisé par|inférieur à|supérieur à|au plus|au moins|"
            "différent de|environ|plus ou moins|et|arobase|pour cent|pour mille|infini|vers|degrés|numéro"
        ),
        *("virgule", "à", "à", "sur", "point", "barre oblique", "tiret", "tiret bas"),
        *("{a} sur {b}", "{a} puissance {b}", "racine carrée de {a}", "{a} indice {b}", "Exemple de code."),
        fractions=_fractions("un demi|un tiers|deux tiers|un quart|trois quarts"),
        clock=("{a} heures {b}", "{a} heures"),
        decimal=",",
        magnitudes={"M": "millions", "k": "mille", "Md": "milliards", "Mds": "milliards"},
        ones=(("un", "un", "une"),),
        feminine=r"(?:heure|minute|seconde|tonne|livre|once|roupie|semaine)",
    ),
    "es": Words(
        _signs(
            "igual a|más|menos|por|dividido por|menor que|mayor que|como máximo|como mínimo|"
            "distinto de|aproximadamente|más menos|y|arroba|por ciento|por mil|infinito|a|grados|número"
        ),
        *("coma", "a", "a", "por", "punto", "barra", "guion", "guion bajo"),
        *("{a} sobre {b}", "{a} elevado a {b}", "raíz cuadrada de {a}", "{a} sub {b}", "Ejemplo de código."),
        fractions=_fractions("un medio|un tercio|dos tercios|un cuarto|tres cuartos"),
        clock=("{a} y {b}", "{a} en punto"),
        decimal=",",
        magnitudes={"M": "millones", "k": "mil"},
        ones=(("veintiuno", "veintiún", "veintiuna"), ("uno", "un", "una")),
        feminine=r"\w*(?<!gram)(?:a|as)\b",
    ),
    "it": Words(
        _signs(
            "uguale|più|meno|per|diviso|minore di|maggiore di|al massimo|almeno|diverso da|circa|"
            "più o meno|e|chiocciola|per cento|per mille|infinito|a|gradi|numero"
        ),
        *("virgola", "a", "a", "per", "punto", "barra", "trattino", "trattino basso"),
        *("{a} su {b}", "{a} elevato a {b}", "radice quadrata di {a}", "{a} pedice {b}", "Esempio di codice."),
        fractions=_fractions("un mezzo|un terzo|due terzi|un quarto|tre quarti"),
        clock=("{a} e {b}", "{a} in punto"),
        decimal=",",
        magnitudes={"mln": "milioni", "mld": "miliardi"},
        ones=((" uno", " un", " una"),),
        feminine=r"\w*(?:a|e)\b",
    ),
    "pt": Words(
        _signs(
            "igual a|mais|menos|vezes|dividido por|menor que|maior que|no máximo|no mínimo|diferente de|"
            "cerca de|mais ou menos|e|arroba|por cento|por mil|infinito|para|graus|número"
        ),
        *("vírgula", "a", "a", "por", "ponto", "barra", "hífen", "sublinhado"),
        *("{a} sobre {b}", "{a} elevado a {b}", "raiz quadrada de {a}", "{a} índice {b}", "Exemplo de código."),
        fractions=_fractions("meio|um terço|dois terços|um quarto|três quartos"),
        clock=("{a} e {b}", "{a} em ponto"),
        decimal=",",
        magnitudes={"mi": "milhões", "bi": "bilhões", "mil": "mil"},
        ones=(("um", "um", "uma"), ("dois", "dois", "duas")),
        feminine=r"\w*(?<!gram)(?:a|as)\b",
    ),
    "ru": Words(
        _signs(
            "равно|плюс|минус|умножить на|разделить на|меньше|больше|не больше|не меньше|не равно|примерно|"
            "плюс минус|и|собака|процентов|промилле|бесконечность|к|градусов|номер"
        ),
        *("запятая", "до", "к", "на", "точка", "косая черта", "дефис", "подчёркивание"),
        *("{a} разделить на {b}", "{a} в степени {b}", "корень из {a}", "{a} индекс {b}", "Пример кода."),
        fractions=_fractions("одна вторая|одна треть|две трети|одна четверть|три четверти"),
        clock=("{a} {b}", "{a} ноль ноль"),
        decimal=",",
        magnitudes={"тыс": "тысяч", "млн": "миллионов", "млрд": "миллиардов"},
        ones=(("один", "один", "одна"), ("два", "два", "две")),
        feminine=r"(?:минут|секунд|тонн|мил|унци|иен|лир|рупи|копе|гривн|недел)\w*",
    ),
    "ja": Words(
        _signs(
            "イコール|プラス|マイナス|かける|わる|小なり|大なり|以下|以上|ノットイコール|約|プラスマイナス|"
            "と|アットマーク|パーセント|パーミル|無限大|から|度|番号"
        ),
        *("点", "から", "対", "かける", "ドット", "スラッシュ", "ハイフン", "アンダーバー"),
        *("{b}分の{a}", "{a}の{b}乗", "ルート{a}", "{a}の{b}", "コードの例です。"),
        clock=("{a}時{b}分", "{a}時"),
        spaced=False,
    ),
    "ko": Words(
        _signs(
            "는|더하기|빼기|곱하기|나누기|미만|초과|이하|이상|같지 않음|약|플러스 마이너스|"
            "와|골뱅이|퍼센트|퍼밀|무한대|에서|도|번호"
        ),
        *("점", "에서", "대", "곱하기", "점", "슬래시", "하이픈", "밑줄"),
        *("{b}분의 {a}", "{a}의 {b}제곱", "루트 {a}", "{a}의 {b}", "코드 예제입니다."),
        clock=("{a}시 {b}분", "{a}시"),
    ),
}
