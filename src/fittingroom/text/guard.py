"""What two near copies must share to be merged: numbers with their signs, denials, faces.

Likeness of letters is blind to the few that turn a meaning round: 5 and -5, 管用 and 不管用, satisfied and
dissatisfied. Where a word may deny or not (不管) it counts as a denial: the price is a copy that stays, not a row that
is lost.
"""

from __future__ import annotations

import re
from functools import lru_cache

PSEUDONYM = re.compile(r"\[([A-Z]+)_[a-p]{16}\]")
"""A keyed pseudonym inside a placeholder (`[ORDER_kfjdmncpabcdefgh]`) is no part of a match key, but of the guard:
rows that speak of different orders in the same words stay apart."""

# Words with 不 and its kin that deny nothing; 不管, 不过, 不光 do in 不管用, 不过期, 不光滑 and after a verb (通不过).
_NO_DENIAL = re.compile(
    r"非常|特别|[分级性区个类识差告离辨判鉴派国]别|别[人的处致墅扭]|不错(?!过[任每这一机])|不[仅但论愧]"
    r"|(?<![气说比看打躲忍受敌逃拗赢胜通])不过(?![期关敏夜瘾分时去来脸审户硬水油电问网])"
    r"|不管(?:[是怎多哪谁]|什么|如何|在哪|从哪|有没有|几)|不光(?![滑洁亮彩鲜泽荣线])|不单(?![独卖买发个])"
    r"|差不多|无[论非锡]|莫[名非]|未来(?!得及)"
)
_DENIAL_ZH = re.compile("[不没无未勿莫甭非别]")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_NOT = re.compile(
    r"(?:ca|do|does|did|is|was|were|are|wo|has|have|had|could|would|should|ai|must|need)n'?t|cannot|not|[a-z]+n't"
)
_APART = re.compile(
    r"(?<![a-z])((?:ca|do|does|did|is|was|were|are|wo|has|have|had|could|would|should)n)(?: \u0301| )t\b"
)
"""don t, and what NFKC makes of don´t."""
_DENIALS = frozenset(
    {"no", "never", "none", "nor", "neither", "nothing", "nobody", "nowhere", "without", "hardly", "barely", "scarcely"}
)
# Prefixes that turn a word round. Under, until, unit and discount hold none.
_PREFIX = re.compile(
    r"un(?!til|der|it|i(?:on|que|v|form|son|corn)|cle|less)(?=[a-z]{3})|non(?=[a-z]{4})"
    r"|dis(?=satisf|lik|agree|appoint|connect|continu|approv|allow|abl|assembl|honest|colou?r|comfort|trust|believ"
    r"|engag|appear|respect|loyal)"
    r"|im(?=possib|polite|perfect|proper|patien|practical|moral|mature|balance)"
    r"|in(?=correct|complet|accura|valid|activ|secur|sufficien|effecti|efficien|adequat|appropriat|compatib|consisten"
    r"|convenien|considerat|capab|abilit|decen|direct|experienc|expensiv|flexib|frequen|stab|sincer|eligib|visib"
    r"|accessib|dependen|competen|audib|tolera|voluntar)"
    r"|ir(?=regular|relevan|responsib|reversib)|il(?=legal|legib|logical)|de(?=activat)"
)
_LESS = frozenset({"unless", "regardless", "bless", "nonetheless", "nevertheless"})
_SPELLED = frozenset({
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy",
    "eighty", "ninety", "hundred", "thousand", "million", "dozen", "half", "once", "twice", "first", "second", "third",
    "fourth", "fifth",
})  # fmt: skip
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(
    r"(?P<sign>(?<![a-z0-9)\].\-号码型款编])[-+\u2212\u00b1]|[<>≤≥]=? ?)?"
    r"(?<![a-z])(?P<digits>[a-z]*\d[a-z0-9]*(?:[./]\d[a-z0-9]*)*)(?P<unit> ?[%‰]|['\"](?![a-z])|\+(?!\d))?"
)
_NUMERAL = re.compile("[〇一二两三四五六七八九十百千万亿半俩仨]+")
# C++, C#, A+: signs behind letters that are part of a name.
_LETTERS = re.compile(
    r"(?<![a-z])[a-z]{1,20}(?:\+\+(?![a-z0-9])|\+(?![\w+]))|(?<![a-z0-9])[a-z](?:\+(?![a-z0-9+])|#(?![a-z0-9]))"
)
_SAD = re.compile(r"[:=](?:['-]?[(\[]++(?!\w)|-?/(?![\w/]))|>_<|</3|[😠😡🤬😤😢😭😞😔😟😕🙁☹😒😩😫😖😣🤮🤢👎💔😾]")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u02bc\u2032`", "'"))


def guard_of(folded: str, text: str) -> str:
    """Numbers, then denials, then whether a face is unhappy: of a text folded already; `text` for its pseudonyms."""
    if not folded.isascii() or "`" in folded:
        folded = folded.translate(_APOSTROPHES)
    numbers = _numbers(folded) if _DIGIT.search(folded) else []
    if "+" in folded or "#" in folded:
        numbers += _LETTERS.findall(folded)
    if "[" in text:
        numbers += [found.group() for found in PSEUDONYM.finditer(text)]
    denials = []
    if not folded.isascii():
        numbers += _numerals(folded)
        denials = _DENIAL_ZH.findall(folded) and _DENIAL_ZH.findall(_NO_DENIAL.sub(" ", folded))
    for word in _WORD.findall(_APART.sub(r"\1't", folded) if "n t" in folded or "\u0301t" in folded else folded):
        number, denial = _word(word)
        if number:
            numbers.append(number)
        if denial:
            denials.append(denial)
    return f"{' '.join(numbers)}|{' '.join(denials)}{':(' if _SAD.search(folded) else ''}"


def _numbers(folded: str) -> list[str]:
    """Numbers in digits, with sign, unit and the letters glued to them."""
    numbers = []
    for found in _NUMBER.finditer(folded):
        digits = found["digits"]
        if digits.count(".") + digits.count("/") != 1:  # 3.5 is not 3-5, but 2024.5.1 is 2024-5-1
            digits = digits.replace(".", " ").replace("/", " ")
        unit = (found["unit"] or "").strip()
        if unit in ("'", '"') and folded[max(0, found.start() - 1) : found.start()] == unit:
            unit = ""  # a number in quotes, no inches
        numbers.append(f"{(found['sign'] or '').strip()}{digits}{unit}".replace("\u2212", "-"))
    return numbers


def _numerals(folded: str) -> list[str]:
    """Chinese numerals, whatever is counted; words that only sound like one (十分满意, 千万别, 万一) are none."""
    found = []
    for numeral in _NUMERAL.finditer(folded):
        word, after = numeral.group(), folded[numeral.end() : numeral.end() + 2]
        # A lone 一 before a measure word is mostly filler: 这是一个好店, 这是个好店.
        if word in ("一", "万一") or (word == "千万" and after[:1] in "别不要记注勿"):
            continue
        if word in ("十", "万") and after[:1] == "分" and after[1:] not in ("钟", "之"):
            continue
        found.append(word)
    return found


@lru_cache(maxsize=100_000)
def _word(word: str) -> tuple[str, str]:
    """What an English word says of number and of denial; one name for what is the same: doesn't, doesnt, does not."""
    if word in _SPELLED:
        return word, ""
    if _NOT.fullmatch(word):
        return "", "not"
    plain = word.partition("'")[0]
    if plain in _DENIALS:
        return "", plain
    prefix = _PREFIX.match(plain)
    if prefix:
        return "", prefix.group()
    return "", "less" if plain.endswith("less") and plain not in _LESS else ""
