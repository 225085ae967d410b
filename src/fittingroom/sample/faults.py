"""Single faults in a text: markup, wrong decoding, control tokens, small edits, another number, spam.

Each function returns None where the text does not lend itself to the fault, so that what is planted is really there.
"""

from __future__ import annotations

import re
from random import Random

from fittingroom.sample import personal, words_en, words_zh
from fittingroom.sample.grammar import expand
from fittingroom.text.similarity import distinguishing

_HAN = re.compile(r"[\u4e00-\u9fff]")
_NEGATION = frozenset("不没别无未非勿莫")
_NEGATION_EN = re.compile(r"\b(?:not|no|never|none|nothing|without|n't|cannot|\w+n't)\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")

CONTROL_TOKENS = (
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜end▁of▁sentence｜>",
    "<｜begin▁of▁sentence｜>",
    "<｜tool▁calls▁begin｜>",
    "<think>",
    "</think>",
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
)
"""Tokens of the chat templates of DeepSeek and of others."""


def language_of(text: str) -> str:
    """zh where at least two tenths of the characters are Chinese, else en."""
    return "zh" if len(_HAN.findall(text)) * 5 >= len(text) else "en"


def html(text: str, rng: Random) -> tuple[str, str] | None:
    """Markup around or inside the text: (text, variant)."""
    if any(sign in text for sign in "<>&") or len(text) < 4:
        return None
    variant = rng.choice(["block", "break", "style", "link", "entity"])
    cut = _boundary(text, rng)
    if variant == "block":
        tag = rng.choice(["p", "div", 'div class="msg"', 'p style="margin:0"'])
        return f"<{tag}>{text}</{tag.split()[0]}>", variant
    if variant == "break":
        return text[:cut] + rng.choice(["<br>", "<br/>", "<br />"]) + text[cut:], variant
    if variant == "style":
        return text[:cut] + f'<span style="color:{rng.choice(["red", "#333"])}">{text[cut:]}</span>', variant
    if variant == "link":
        return (
            f'{text[:cut]}<a href="https://shop.example/g/{rng.randint(100, 999)}" target="_blank">{text[cut:]}</a>',
            variant,
        )
    return f"{text[:cut]}&nbsp;{text[cut:]}" + rng.choice(["&nbsp;", "&hellip;", "&#33;"]), variant


def _boundary(text: str, rng: Random) -> int:
    """A place between characters that cuts no run of letters or digits in two."""
    places = [place for place in range(1, len(text)) if not (_solid(text[place - 1]) and _solid(text[place]))]
    return rng.choice(places) if places else len(text)


def _solid(sign: str) -> bool:
    return sign.isascii() and (sign.isalnum() or sign in "'-.$")


def misread_gbk(text: str, rng: Random) -> tuple[str, str] | None:
    """UTF-8 read as GBK (浣犲ソ for 你好), only where no byte is lost on the way: (text, "gbk")."""
    if not _HAN.search(text):
        return None
    try:
        wrong = text.encode().decode("gbk")
        back = wrong.encode("gbk").decode()
    except UnicodeError:
        return None
    return (wrong, "gbk") if back == text else None


def misread_latin(text: str, rng: Random) -> tuple[str, str] | None:
    """UTF-8 read as Latin-1 or Windows-1252, both of which lose nothing: (text, variant)."""
    if text.isascii():
        if "'" not in text:
            return None
        text = text.replace("'", "’")
    if rng.random() < 0.5:
        return text.encode().decode("latin-1"), "latin-1"
    # as browsers do it: the five bytes without a character stay control characters
    return "".join(_cp1252(byte) for byte in text.encode()), "cp1252"


def _cp1252(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def control_token(text: str, rng: Random) -> tuple[str, str]:
    """A token of a chat template inside the customer's text: (text, token)."""
    token = rng.choice(CONTROL_TOKENS)
    cut = rng.choice([0, len(text), _boundary(text, rng)])
    return text[:cut] + token + text[cut:], token


def small_edits(text: str, rng: Random) -> str | None:
    """One to three small edits that keep digits and negation, and with them the meaning."""
    edited = text
    for _ in range(rng.randint(1, 3)):
        edited = _edit(edited, rng)
    kept = _DIGITS.findall(edited) == _DIGITS.findall(text) and _negations(edited) == _negations(text)
    return edited if kept and edited != text and distinguishing(edited) == distinguishing(text) else None


def _negations(text: str) -> list[str]:
    return [sign for sign in text if sign in _NEGATION] + _NEGATION_EN.findall(text.lower())


def _edit(text: str, rng: Random) -> str:
    chinese = language_of(text) == "zh"
    kind = rng.choice(["ending", "greeting", "punctuation", "space", "double", "swap", "typo", "case"])
    if kind == "ending":
        return text + (
            rng.choice(["啊", "呀", "哦", "哈", "呢", "!", "。", "~"])
            if chinese
            else rng.choice(["!", ".", " pls", " ok", "..", " :)"])
        )
    if kind == "greeting":
        return (
            rng.choice(["亲", "嗨", "哎", "诶,", "喂 "]) if chinese else rng.choice(["hi ", "ok ", "so ", "hey, "])
        ) + text
    if kind == "punctuation":
        return (
            text.translate(str.maketrans("，。！？,!?", ",.!?，！？"))
            if chinese
            else re.sub(r"[.,!?]", "", text) or text
        )
    if kind == "case":
        return text.swapcase() if text.isascii() else text.upper()
    inner = [
        place
        for place in range(1, len(text) - 1)
        if text[place - 1 : place + 2].isalpha() and not set(text[place - 1 : place + 2]) & _NEGATION
    ]
    if not inner:
        return text + "."
    place = rng.choice(inner)
    if kind == "space":
        return f"{text[:place]} {text[place:]}" if chinese else text.replace(" ", "  ", 1)
    if kind == "double":
        return text[:place] + text[place] + text[place:]
    if kind == "swap":
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    typos = [
        (old, new) for old, new in (words_zh if chinese else words_en).TYPOS if old in text and not set(old) & _NEGATION
    ]
    if not typos:
        return text
    old, new = rng.choice(typos)
    return text.replace(old, new, 1)


def numbered(text: str, rng: Random) -> tuple[str, str]:
    """The text as a template with a place for what differs, `{v}`, and what that is: number, amount or name."""
    chinese = language_of(text) == "zh"
    variant = rng.choice(["number", "number", "amount", "name"])
    frames = {
        "number": ("订单{v}," if chinese else "order {v}, ", ",单号{v}" if chinese else ", order no {v}"),
        "amount": ("付了{v}元的," if chinese else "paid ${v}, ", ",实付{v}" if chinese else ", I paid ${v}"),
        "name": ("我叫{v}," if chinese else "my name is {v}, ", ",收件人{v}" if chinese else ", recipient: {v}"),
    }[variant]
    plain = text.replace("{", "(").replace("}", ")")
    return (frames[0] + plain if rng.random() < 0.5 else plain + frames[1]), variant


def number_value(variant: str, language: str, rng: Random) -> str:
    """What is put into the place of a template of `numbered`."""
    if variant == "number":
        return f"{rng.randint(2024, 2025)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.randint(1000, 9999)}"
    if variant == "amount":
        return str(rng.randint(101, 989))
    return personal.name(rng, language)


_SPAM: dict[str, tuple[str, ...]] = {
    "zh": (
        "[日赚|日结|每天]{n}[元|块][兼职|副业][刷单|打字|点赞],[加|扣]{contact}",
        "[代开|专业代开][发票|收据]{tail}[加|联系]{contact}",
        "【{site}】[注册|首充]送{n}[元|彩金],[点击|复制]{url}",
        "[低价|批量][涨粉|刷好评|卖号]{tail},{contact}",
        "[贷款|借钱][秒批|无抵押]额度{n}万,{contact}",
        "[祖传|名医]秘方[治|专治][脱发|糖尿病]{tail},加{contact}",
        "[清仓|厂家]高仿[名表|包包]{n}元起{tail},看{url}",
    ),
    "en": (
        "earn ${n} a day [from home|with likes], add {contact}",
        "[cheap|instant] followers and fake reviews {tail} {url}",
        "casino {site} bonus ${n} sign up at {url}",
        "loan up to ${n}k no checks {tail} contact {contact}",
        "replica watches from ${n} {tail} visit {url}",
        "miracle cure for hair loss {tail} order at {url}",
    ),
}


def spam(language: str, rng: Random) -> tuple[str, str]:
    """Advertising or gibberish: (text, variant ad or gibberish)."""
    if rng.random() < 0.3:
        return _gibberish(rng), "gibberish"
    letters = "".join(rng.choice("abcdefghkmnpqrstuvwxyz") for _ in range(5))
    number = rng.randint(100, 9999)
    if language == "zh" and rng.random() < 0.3:
        contact = f"{rng.choice(['QQ', 'Q群', '扣扣'])}{rng.randint(10**7, 10**9)}"
    else:
        reach = ["微信", "VX", "薇", "V信"] if language == "zh" else ["telegram @", "whatsapp ", "wechat "]
        contact = f"{rng.choice(reach)}{letters}{number}"
    lexicon = {
        "n": [str(rng.choice([50, 88, 200, 300, 500, 888, 1000]))],
        "contact": [contact],
        "site": [letters.upper()],
        "url": [f"http://{letters}{number}.example/{rng.choice('abcd')}{number}"],
        "tail": ["正规", "全国可开", "信誉保证", "今日特惠", ""]
        if language == "zh"
        else ["100% legal", "today only", "guaranteed", ""],
    }
    return expand(rng.choice(_SPAM[language]), lexicon, rng), "ad"


def _gibberish(rng: Random) -> str:
    kind = rng.randrange(3)
    if kind == 0:
        return "".join(rng.choice("asdfghjkl;qwertyuiopzxcvbnm") for _ in range(rng.randint(12, 28)))
    if kind == 1:
        return "".join(rng.choice("!@#$%^&*()_+=?~|") for _ in range(rng.randint(8, 20)))
    return "".join(rng.choice("asdf jkl; 0918 qwpo zxmn") for _ in range(rng.randint(14, 30))).strip() + "zx"
