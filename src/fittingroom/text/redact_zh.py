"""Recognisers of personal data as it is written in China: telephones, identity documents, plates, accounts.

They take folded text and yield (start, end), see `redact_common`. Names and addresses are found by their form and
context only, without a dictionary of people: a bare name without a surname or a word beside it is not found (measured
elsewhere: about three quarters of names are).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from fittingroom.text.fold import spelled
from fittingroom.text.redact_common import GAP, Span, digits_of, near

_G = f"{GAP}?"
_MOBILE = re.compile(
    rf"(?<![0-9￥¥$€£])(?<![0-9][.,])(?:(?:\+|00){GAP}{{0,2}}86{GAP}{{0,2}}|86{_G}|\(\+?86\){_G}|0)?"
    rf"(?:1[3-9]\d{GAP}{{0,3}}\d{{4}}{GAP}{{0,3}}\d{{4}}"  # 138-1234-5678, 13812345678
    rf"|1[3-9]\d_\d{{4}}_\d{{4}}|\(1[3-9]\d\){_G}\d{{4}}{_G}\d{{4}}"
    rf"|1[3-9]\d{_G}\d{{3}}{_G}\d{{5}}|1[3-9]\d{{2}}{_G}\d{{3}}{_G}\d{{4}}|1[3-9]\d{{2}}{_G}\d{{4}}{_G}\d{{3}}"
    rf"|1{_G}[3-9]\d{_G}\d{{4}}{_G}\d{{4}}|1[3-9]\d(?:{_G}\d{{2}}){{4}}"
    rf"|1(?P<gap>{GAP})[3-9](?:(?P=gap)\d){{9}}"  # one by one
    r"|1[3-9]\d[*xX]{4}\d{4})"  # masked by a system, but the rest still points to one person
    r"(?![0-9]|\.\d|元|块)"
)
_NUMERAL = "0-9零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
SPELLED_SIGN = rf"[1一幺壹](?: ?[{_NUMERAL}]){{10}}"
_SPELLED_MOBILE = re.compile(rf"(?<![{_NUMERAL}]){SPELLED_SIGN}(?![{_NUMERAL}])")
_AREA = r"(?:0(?:10|2[0-57-9]|[3-9]\d{2}))"
_LANDLINE = re.compile(
    rf"(?<![0-9A-Za-z-])(?:\(?(?:\+?86[ -]?)?{_AREA}(?:\) ?| ?- ?| )[2-9]\d{{2,3}}[ -]?\d{{4}}"
    rf"|(?P<glued>{_AREA}[2-9]\d{{6,7}})|(?P<local>[2-9]\d{{2,3}}[ -]?\d{{4}}))"
    r"(?:(?:-|转|ext\.? ?)\d{1,6})?(?![0-9-])"
)
# Hong Kong, Macao and Taiwan, with their codes: +852 2345 6789, (853)6612-3456, 886-2-2345-6789.
_REGIONAL = re.compile(
    rf"(?<![0-9A-Za-z-])(?:(?:\+|00) ?\(?(?:852|853|886)\)?{_G}|\((?:852|853|886)\){_G}|(?:852|853|886){GAP})"
    r"(?:[2-9]\d{3}[ -]?\d{4}|[1-9][ -]?\d{3,4}[ -]?\d{4})(?![0-9])"
)
_CALL = re.compile(
    r"[电電][话話]|座[机機]|固[话話]|致[电電]|拨打|[联聯][系繫络絡]|热线|[传傳]真|tel|phone|call", re.IGNORECASE
)

_ID = re.compile(rf"(?<![0-9])[1-9]\d{{5}}{_G}(?P<born>\d{{8}}){_G}\d{{3}}[0-9Xx](?![0-9])")
_ID_GROUPED = re.compile(
    rf"(?<![0-9])[1-9]\d{{3}}(?P<gap>{GAP})(?:\d{{4}}(?P=gap)){{3}}\d[0-9Xx](?![0-9])"  # 1101 0519 4912 3100 2X
    rf"|(?<![0-9])[1-9]\d{{5}}(?P<gap2>{GAP})\d{{4}}(?P=gap2)(?:\d{{4}}|\d\d(?P=gap2)\d\d)(?P=gap2)\d{{3}}[0-9Xx](?![0-9])"
)
_ID_OLD = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{7}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?![0-9A-Za-z])")
_ID_CONTEXT = re.compile(r"身份证|证件|身份号|实名|identity|id card|id no", re.IGNORECASE)
_PROVINCES = frozenset(
    [
        "11",
        "12",
        "13",
        "14",
        "15",
        "21",
        "22",
        "23",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "41",
        "42",
        "43",
        "44",
        "45",
        "46",
        "50",
        "51",
        "52",
        "53",
        "54",
        "61",
        "62",
        "63",
        "64",
        "65",
        "71",
        "81",
        "82",
        "83",
        "91",
    ]
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

_PASSPORT = re.compile(
    r"(?<![A-Za-z0-9])(?:[EeGgDdSsPpKk][A-HJ-NP-Za-hj-np-z]?\d{7,8}|[HhMmCcWw]\d{8,10}"
    r"|[EeGgDdSsPpKkHhMmCcWw][ -]?\d{4}[ -]\d{4})(?![A-Za-z0-9])"
)
_PASSPORT_CONTEXT = re.compile(r"护照|通行证|回乡证|台胞证|港澳|passport", re.IGNORECASE)

_PLATE = re.compile(
    r"(?P<place>[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼])(?P<town>[A-HJ-Za-hj-z])"
    r"(?P<dot>[ .-]?)(?P<tail>[A-HJ-NP-Za-hj-np-z0-9]{4,5}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳])(?![A-Za-z0-9])"
)
_PLATE_CONTEXT = re.compile(r"车牌|牌照|车号|停车|开车|我的车|车辆|plate", re.IGNORECASE)

_WECHAT = re.compile(
    r"(?:(?:微信|薇信|威信|卫星|wechat|weixin)(?:公众)?(?P<no>[账帐]?号码?|id|同号)?|(?<![A-Za-z0-9])(?:加我?v|v信|vx|wx)(?P<no2>号)?)"
    r"(?P<sep>[:：是为叫加=_ ]{0,4})(?P<value>[A-Za-z][-_A-Za-z0-9]{5,19})(?![-_A-Za-z0-9])",
    re.IGNORECASE,
)
WECHAT_SIGN = re.compile(r"[薇威微卫v]信|[vVwW][xX]|[wW][eE]|加我?[vV]")
# A WeChat account can be found by the QQ number that it was made with; then a sign stands between.
_WECHAT_NUMBER = re.compile(
    r"(?:微信|wechat)(?:[账帐]?号码?|id)? ?[:：是为] ?(?P<value>[1-9]\d{5,10})(?![0-9A-Za-z])", re.IGNORECASE
)
_WXID = re.compile(r"(?<![A-Za-z0-9])wxid_[a-z0-9]{6,24}")
_QQ = re.compile(
    r"(?:(?<![A-Za-z0-9])qq(?![A-Za-z])|qq(?=[群号]|号码|[账帐]号|[:：])|扣扣|企鹅号?|Q号|群号)"
    r"(?:交流)?(?:群|号码?|[账帐]号)?(?:[:：。是为加=_ ]|\(){0,4}"
    r"(?P<value>[1-9]\d{2,3}(?: \d{3,4}){1,2}(?: \d{1,3})?|[1-9]\d{4,10})(?![0-9])",
    re.IGNORECASE,
)


def mobiles(text: str) -> Iterator[Span]:
    """Mobile numbers: glued to words, dashed, spaced, with +86, masked in the middle."""
    for found in _MOBILE.finditer(text):
        yield found.span()


def spelled_mobiles(text: str) -> Iterator[Span]:
    """Mobile numbers in Chinese numerals: 一三八…, 幺三八…"""
    for found in _SPELLED_MOBILE.finditer(text):
        digits = digits_of(spelled(found.group()))
        if digits[1] in "3456789" and not found.group().isdigit():
            yield found.span()


def landlines(text: str) -> Iterator[Span]:
    """Fixed lines with an area code; glued digits or a local number only beside a word such as 电话.

    Hotlines (400, 800) belong to companies and stay.
    """
    for found in _LANDLINE.finditer(text):
        loose = found.group("glued") or found.group("local")
        if not loose or (
            _CALL.search(text[max(0, found.start() - 10) : found.start()]) and not loose.startswith(("400", "800"))
        ):
            yield found.span()
    for found in _REGIONAL.finditer(text):
        yield found.span()


def id_cards(text: str) -> Iterator[Span]:
    """Resident identity numbers, 18 places with a valid place, birth date and check character (ISO 7064 MOD 11-2).

    With a word such as 身份证 beside it also a mistyped one, and the old form of 15 places.
    """
    for found in (*_ID.finditer(text), *_ID_GROUPED.finditer(text)):
        number = "".join(character for character in found.group() if character.isalnum())
        sound = number[:2] in _PROVINCES and _is_date(number[6:14])
        if (sound and check_character(number[:17]) == number[17].upper()) or _ID_CONTEXT.search(
            near(text, found.span(), 12)
        ):
            yield found.span()
    for found in _ID_OLD.finditer(text):
        if found.group()[:2] in _PROVINCES and _ID_CONTEXT.search(near(text, found.span(), 12)):
            yield found.span()


def check_character(seventeen: str) -> str:
    """The 18th place of an identity number (GB 11643-1999, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(seventeen, _WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


def _is_date(digits: str) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return 1900 <= born.year <= 2099


def passports(text: str) -> Iterator[Span]:
    """Passports and travel permits beside such a word."""
    for found in _PASSPORT.finditer(text):
        if _PASSPORT_CONTEXT.search(near(text, found.span(), 14)):
            yield found.span()


def plates(text: str) -> Iterator[Span]:
    """Number plates: place, town and 5 or 6 characters, at least 3 of them digits; lower case only beside 车牌.

    新, 云, 青 … are words too: for them a dot, four digits or a word such as 车牌 is asked for.
    """
    for found in _PLATE.finditer(text):
        tail, context = found.group("tail"), _PLATE_CONTEXT.search(near(text, found.span(), 10))
        digits = sum(character.isdigit() for character in tail)
        upper = found.group("town").isupper() and tail == tail.upper()
        word = found.group("place") in "新云青黑吉宁川藏贵蒙"
        if context or (upper and digits >= 3 and (not word or found.group("dot") in (".", "-") or digits >= 4)):
            yield found.span()


def wechats(text: str) -> Iterator[Span]:
    """WeChat ids behind such a word; an id without digit, dash or 号 needs a sign between (微信:zhangsan)."""
    if not WECHAT_SIGN.search(text):
        return
    for found in _WECHAT.finditer(text):
        value = found.group("value")
        marked = found.group("no") or found.group("no2") or re.search("[:：是为叫=]", found.group("sep"))
        if marked or re.search(r"[\d_-]", value):
            yield found.span("value")
    for found in _WXID.finditer(text):
        yield found.span()
    for found in _WECHAT_NUMBER.finditer(text):
        yield found.span("value")


def qqs(text: str) -> Iterator[Span]:
    """QQ numbers behind such a word."""
    for found in _QQ.finditer(text):
        yield found.span("value")
