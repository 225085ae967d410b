"""Recognisers of personal data that do not depend on a language: mail, network, cards, order numbers, secrets.

A recogniser takes folded text (see `fold`; positions are those of the text) and yields (start, end). No pattern uses
`\\b`: between a Chinese character and a digit there is none, and `我的电话13812345678谢谢` would pass untouched.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

Span = tuple[int, int]

GAP = r"[ \-.\u200b-\u200f\u2060\ufeff]"
"""What people and systems put between the digits of one number."""

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}"
    r"(?: ?@ ?| ?[\[(] ?(?:at|AT) ?[\])] ?|#(?=(?:qq|163|126|gmail|sina|hotmail|outlook|foxmail)\.))"
    r"(?:[A-Za-z0-9-]{1,63} ?(?:\. ?|[\[(] ?(?:dot|DOT) ?[\])] ?)){1,4}[A-Za-z]{2,24}"
)
AT_SIGN = re.compile(r"[\[(] ?(?:at|AT) ?[\])]")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\d|\.\d)")
_VERSION = re.compile(
    r"(?:版本号?|固件|系统|鸿蒙|驱动|[升更][级新][到至为了]?|version|ver|v|build|firmware|driver|release|app|ios|android|windows"
    r"|mac ?os|(?:update|upgrade)d? to)[:：为是 ]{0,3}$",
    re.IGNORECASE,
)
_IP_CONTEXT = re.compile(
    r"(?:(?<![A-Za-z])(?:ip|dns|ping|host|server|gateway)(?:v4)?(?: ?addr(?:ess)?)?|服务器|网关|主机)(?: ?地址)?"
    r"(?: is|[:：是为= ]){0,3}$",
    re.IGNORECASE,
)
_IPV6 = re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Fa-f:])")
_LONG = re.compile(rf"(?<![0-9.])\d(?:{GAP}?\d){{11,23}}(?![0-9]|\.\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
_CARD_CONTEXT = re.compile(
    r"卡号|银行|储蓄卡|信用卡|借记卡|打款|汇款|转账|账号|帐号|账户|帐户|收款|[工农中建交招]行|card|account|visa|master|debit|credit",
    re.IGNORECASE,
)
_CARD_SURE = re.compile(r"(?:卡号|card (?:number|no\.?|#)|credit card)(?: is|[:：是为# ]){0,4}$", re.IGNORECASE)
_MAESTRO = frozenset([5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763])
_ORDER = re.compile(
    r"(?:订单|单号|运单|快递|物流|交易|流水|工单|退款单|售后单|提货|取件|包裹|发票|[Oo]rder|ORDER|[Tt]racking|[Tt]ransaction|[Ii]nvoice"
    r"|[Tt]icket|[Pp]arcel|[Ss]hipment|[Pp]urchase|[Bb]ill)"
    r"(?P<marked> ?(?:编号|号码|单号|号|码|[Nn]umber|[Nn]o\.?|[Ii][Dd]|#))?(?: (?:is|was)(?= )|[:：是为叫:=# ]|\(){0,4}"
    r"(?P<value>\d{4}(?: \d{4}){2,5}(?: \d{1,3})?|[A-Za-z]{0,6}-?\d[0-9A-Za-z]*(?:-[0-9A-Za-z]+)*)(?![0-9A-Za-z])"
)
_ORDER_ITSELF = re.compile(r"订单|单号|运单|工单|退款单|售后单|order", re.IGNORECASE)
_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_ORDER_WORDS = (
    "单", "快递", "物流", "交易", "流水", "提货", "取件", "包裹", "发票", "order", "track", "transac",
    "invoice", "ticket", "parcel", "shipment", "purchase", "bill",
)  # fmt: skip
_ORDER_SIGN = re.compile("|".join(_ORDER_WORDS))
_PARCEL = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:SF|YT|JT|ZTO|STO|DPK|EMS|JD[A-Z]{0,2}|LP|YD|HT)\d{10,18}|1Z[0-9A-Z]{16}|[A-Z]{2}\d{9}[A-Z]{2})"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
# Many a plug has pins: 4 pin 2800k.
_SECRET = re.compile(
    r"(?:(?:登录密码|支付密码|密码|口令|验证码|取件码|提货码"
    r"|(?<![A-Za-z])(?:password|passcode|passwd|pwd|cvv2?|cvc|pin code"
    r"|(?:my|your|the|card|sim|atm) pin(?: number)?|verification code|otp))(?: ?(?:is|was) |[:：是为= ]{1,4})"
    r"|(?<![A-Za-z0-9-])pin(?: number)?(?: (?:is|was) | ?[:：是为=] ?| (?=\d{4,6}(?!\w))))"
    r"(?P<value>(?=[A-Za-z!@#$%^&*_.-]*\d)[A-Za-z0-9!@#$%^&*_.-]{3,32})",
    re.IGNORECASE,
)
_SECRET_WORDS = ("密码", "口令", "验证码", "件码", "货码", "pass", "pwd", "cvv", "cvc", "pin", "verif", "otp")
_SECRET_SIGN = re.compile("|".join(_SECRET_WORDS))


def emails(text: str) -> Iterator[Span]:
    """Mail addresses, also `name (at) host.com`, with spaces around the sign, or glued to Chinese."""
    if "@" in text or "#" in text or AT_SIGN.search(text):
        for found in _EMAIL.finditer(text):
            yield found.span()


def addresses_ip(text: str) -> Iterator[Span]:
    """IPv4 and IPv6 addresses; a version number of four parts is none."""
    if text.count(".") < 3 and text.count(":") < 3:
        return
    for found in _IPV4.finditer(text):
        # 1.8.8.8 is a price mistyped more often than a machine of a customer's.
        before = text[max(0, found.start() - 16) : found.start()]
        long = len(found.group()) >= 9 or found.group().startswith("10.") or _IP_CONTEXT.search(before)
        if long and _is_ip(found.group()) and not _VERSION.search(before):
            yield found.span()
    for found in _IPV6.finditer(text):
        if found.group().count(":") >= 3 and _is_ip(found.group()):
            yield found.span()


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def bank_cards(text: str) -> Iterator[Span]:
    """Bank cards by issuer prefix, exact length and Luhn; IBANs by their check digits.

    Luhn alone takes one random number in ten for a card. 17 to 19 digits (China UnionPay) are taken only when grouped
    by four or beside a word such as 卡号 or 银行, so are 12 to 14; any 12 to 19 digits right behind 卡号.
    """
    for found in _LONG.finditer(text):
        digits = digits_of(found.group())
        if not 12 <= len(digits) <= 19:
            continue
        before, around = text[max(0, found.start() - 16) : found.start()], near(text, found.span(), 16)
        if _CARD_SURE.search(before):
            yield found.span()
        elif luhn(digits) and _issued(digits):
            sure = len(digits) in (15, 16) or _grouped_by_four(found.group())
            if sure or _CARD_CONTEXT.search(around):
                yield found.span()
        elif luhn(digits) and len(digits) >= 16 and _CARD_CONTEXT.search(around):
            yield found.span()
    for found in _IBAN.finditer(text):
        if _is_iban(found.group().replace(" ", "")):
            yield found.span()


def _issued(digits: str) -> bool:
    """Whether an issuer gives out cards of this prefix and length (ISO/IEC 7812; UnionPay 62: 16 to 19)."""
    size, two, three, four = len(digits), int(digits[:2]), int(digits[:3]), int(digits[:4])
    if four in _MAESTRO:
        return 12 <= size <= 19
    if two == 62:
        return 16 <= size <= 19
    if size == 16:
        master = 51 <= two <= 55 or 2221 <= four <= 2720
        discover = four == 6011 or two == 65 or 644 <= three <= 649
        return digits[0] == "4" or master or discover or 3528 <= four <= 3589
    if size == 15:
        return two in (34, 37) or four in (1800, 2131)
    if size == 13:
        return digits[0] == "4"  # Visa's old length
    return size == 14 and (two in (36, 38, 39) or 300 <= three <= 305)


def _grouped_by_four(written: str) -> bool:
    groups = [len(group) for group in re.split(GAP, written)]
    return len(groups) >= 4 and all(size == 4 for size in groups[:-1]) and 1 <= groups[-1] <= 4


def _is_iban(text: str) -> bool:
    if not 15 <= len(text) <= 34:
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def luhn(digits: str) -> bool:
    """Check digit of cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = int(character) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def orders(text: str) -> Iterator[Span]:
    """Numbers of orders, parcels and tickets: behind such a word, in a carrier's format, or 16 to 24 digits alone.

    Behind a word at least 6 characters are asked for, 4 where it says that it is a number: "order 2 of these" and
    "快递3天" are none, nor is a day (快递20230105才到).
    """
    for found in _ORDER.finditer(text) if _ORDER_SIGN.search(text.lower()) else ():
        value = found.group("value")
        marked = found["marked"] or "#" in text[found.start() : found.start("value")]
        least = 4 if marked else 6
        day = not marked and _DAY.fullmatch(value) and not _ORDER_ITSELF.match(found.group())
        if len(value) >= least and sum(character.isdigit() for character in value) >= 4 and not day:
            yield found.span("value")
    for found in _PARCEL.finditer(text):
        yield found.span()
    for found in _LONG.finditer(text):
        if len(found.group()) >= 16 and found.group().isdigit() and len(set(found.group())) > 2:
            yield found.span()


def secrets(text: str) -> Iterator[Span]:
    """Passwords and codes behind such a word, when they hold a digit (so that "password reset" is none)."""
    if not _SECRET_SIGN.search(text.lower()):
        return
    for found in _SECRET.finditer(text):
        yield found.span("value")


def digits_of(text: str) -> str:
    """Only the digits."""
    return "".join(character for character in text if character.isdigit())


def near(text: str, span: Span, reach: int) -> str:
    """What stands around a span, `reach` characters on each side."""
    return text[max(0, span[0] - reach) : span[0]] + " " + text[span[1] : span[1] + reach]
