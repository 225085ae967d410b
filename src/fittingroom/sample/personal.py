"""Invented personal data and the sentences in which customers let it slip.

Every value is well formed: ISO 7064 check digit on identity cards, Luhn on bank cards, numbers reserved for fiction
where there are such, addresses under `.example` and `example.com`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fittingroom.sample import words_en, words_zh
from fittingroom.sample.grammar import words

KINDS = ("mobile", "id_card", "bank_card", "email", "address", "name")

_REGIONS = words("110105 310115 330106 320506 510107 420111 610113 430104 410105 370202")
_WIDE = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
_CARD_PREFIXES = words("622202 621700 622848 621661 622588 623058")
_MOBILE_PREFIXES = words("130 131 135 136 137 138 139 150 151 158 159 176 177 186 187 188 189 199")

_FRAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "zh": {
        "mobile": ("我电话{v}", "打我{v}", "手机号是{v}麻烦联系", "手机{v}", "请联系{v}", "{v}这个号"),
        "id_card": ("身份证{v}", "身份证号是{v}", "证件号:{v}"),
        "bank_card": ("卡号{v}", "退到我银行卡{v}", "银行卡号:{v}", "打到卡里{v}"),
        "email": ("发我邮箱{v}", "邮箱{v}", "回我{v}就行"),
        "address": ("地址是{v}", "寄到{v}", "住{v}", "收货地址:{v}"),
        "name": ("我叫{v}", "收件人{v}", "联系人:{v}", "我的名字是{v}", "收货人是{v}"),
    },
    "en": {
        "mobile": ("call me on {v}", "my number is {v}", "tel {v}"),
        "id_card": ("my ID number is {v}", "ID card {v}"),
        "bank_card": ("card number {v}", "pay it to my card {v}"),
        "email": ("my email is {v}", "reply to {v}", "write me at {v}"),
        "address": ("send it to {v}", "I live at {v}", "my address: {v}"),
        "name": ("my name is {v}", "recipient: {v}", "I am called {v}"),
    },
}
"""How people say it: without a space or a word boundary, in Chinese."""


@dataclass(frozen=True)
class Slip:
    """A sentence with personal data: `gone` lists what must not be left of it, digits without spaces."""

    kind: str
    variant: str
    sentence: str
    gone: tuple[str, ...]


def id_card(rng: Random) -> str:
    """18 characters with a valid check digit (ISO 7064 MOD 11-2)."""
    born = f"{rng.randint(1955, 2006)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    body = f"{rng.choice(_REGIONS)}{born}{rng.randint(1, 999):03d}"
    weights = [2 ** (17 - place) % 11 for place in range(17)]
    rest = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11
    return body + "10X98765432"[rest]


def bank_card(rng: Random, prefix: str = "", length: int = 19) -> str:
    """A number that passes Luhn; by default 19 digits with the prefix of a Chinese issuer."""
    body = prefix or rng.choice(_CARD_PREFIXES)
    body += "".join(str(rng.randint(0, 9)) for _ in range(length - 1 - len(body)))
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def mobile(rng: Random) -> str:
    """A mainland mobile number."""
    return rng.choice(_MOBILE_PREFIXES) + f"{rng.randint(0, 99999999):08d}"


def email(rng: Random) -> str:
    """An address in a domain reserved for examples."""
    given, surname = rng.choice(words_en.GIVEN).lower(), rng.choice(words_en.SURNAMES).lower()
    user = rng.choice([f"{given}.{surname}", f"{surname}{rng.randint(1, 99)}", f"{given}_{rng.randint(1970, 2005)}"])
    return f"{user}@{rng.choice(['example.com', 'mail.example.com', 'example.net', 'post.example.org'])}"


def name(rng: Random, language: str) -> str:
    """A name of a person who does not exist."""
    if language == "zh":
        return rng.choice(words_zh.SURNAMES) + rng.choice(words_zh.GIVEN)
    return f"{rng.choice(words_en.GIVEN)} {rng.choice(words_en.SURNAMES)}"


def address(rng: Random, language: str) -> tuple[str, str]:
    """A full postal address, and the part of it that finds the door."""
    if language == "zh":
        street = f"{rng.choice(words_zh.STREETS)}{rng.randint(1, 480)}号"
        home = (
            f"{rng.choice(words_zh.COMPOUNDS)}{rng.randint(1, 32)}幢{rng.randint(1, 4)}单元{rng.randint(101, 2404)}室"
        )
        return rng.choice(words_zh.DISTRICTS) + street + rng.choice([home, home, ""]), street
    street = f"{rng.randint(2, 480)} {rng.choice(words_en.STREETS)}"
    return f"{street}, {rng.choice(words_en.TOWNS)}", street


def slip(kind: str, language: str, rng: Random) -> Slip:
    """A sentence of `language` with one value of `kind`."""
    if kind == "mobile":
        variant, value, shown = _mobile(language, rng)
    elif kind == "id_card":
        value = id_card(rng)
        variant, shown = _shape(value, (6, 8, 4), rng)
    elif kind == "bank_card":
        value = bank_card(rng) if language == "zh" else bank_card(rng, rng.choice(["4539", "4716", "5425"]), 16)
        variant, shown = _shape(value, (4, 4, 4, 4, 3) if len(value) == 19 else (4, 4, 4, 4), rng)
    elif kind == "email":
        value = shown = email(rng)
        variant = "plain"
    elif kind == "address":
        shown, value = address(rng, language)
        variant = language
    elif kind == "name":
        value = shown = name(rng, language)
        variant = language
    else:
        raise ValueError(f"no personal data of kind {kind}; there are {', '.join(KINDS)}")
    frame = rng.choice(_FRAMES[language][kind])
    return Slip(kind, variant, frame.replace("{v}", shown), (value,))


def _mobile(language: str, rng: Random) -> tuple[str, str, str]:
    """Variant, digits, and how they are typed."""
    if language == "en" and rng.random() < 0.5:
        # ranges that the regulators keep for fiction
        if rng.random() < 0.5:
            shown = f"({rng.choice([512, 303, 206])}) 555-01{rng.randint(0, 99):02d}"
        else:
            shown = f"+44 7700 900{rng.randint(0, 999):03d}"
        return ("uk" if shown[0] == "+" else "us"), "".join(sign for sign in shown if sign.isdigit()), shown
    value = mobile(rng)
    variant, shown = _shape(value, (3, 4, 4), rng)
    if variant == "plain" and rng.random() < 0.2:
        return "+86", value, f"+86 {value}"
    return variant, value, shown


def _shape(value: str, groups: tuple[int, ...], rng: Random) -> tuple[str, str]:
    """How people type long numbers: as they are, in full width, with spaces or dashes."""
    variant = rng.choices(["plain", "full_width", "spaced", "dashed"], weights=[5, 2, 2, 1])[0]
    if variant == "full_width":
        return variant, value.translate(_WIDE)
    if variant in ("spaced", "dashed"):
        parts, start = [], 0
        for size in groups:
            parts.append(value[start : start + size])
            start += size
        return variant, (" " if variant == "spaced" else "-").join(parts)
    return variant, value
