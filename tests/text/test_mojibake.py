"""Wrong decoding: what counts as everyday Chinese, and that batches say what single texts do."""

from __future__ import annotations

import random
from collections.abc import Callable

from fittingroom.text.clean import CleanConfig, clean_batch, clean_text
from fittingroom.text.mojibake import common_share, mend

SAID = [
    "质量很好，下次还来。",
    "这件衣服有点小！",
    "物流快，包装完好～",
    "good value, 好评",
    "尺码偏大（建议拍小一码）",
]
ODD = [
    " ",
    "\x85",
    "\xa0",
    "\ufffd",
    "\ud83d",
    "\U0001f600",
    "锛",
    "銆",
    "锟斤拷",
    "????",
    "\x9f",
    "Ã",
    "ÖÊ",
    "\n",
    "  ",
]


def _everyday(character: str) -> bool:
    if character in "，。！？、；：“”‘’（）《》【】…—～·￥":
        return True
    try:
        raw = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(raw) == 2 and 0xB0 <= raw[0] <= 0xD7


def test_everyday_characters_are_those_of_level_1() -> None:
    for code in range(0x80, 0x10000):
        assert common_share(chr(code)) == float(_everyday(chr(code))), hex(code)
    assert common_share("a1") == 0.0
    assert common_share("a质齉") == 0.5


def _wrecked(dice: random.Random) -> str:
    text = "".join(dice.choice(SAID) for _ in range(dice.randint(1, 3)))
    ways: list[Callable[[], str]] = [
        lambda: text.encode().decode("latin-1"),
        lambda: text.encode().decode("cp1252", "replace"),
        lambda: text.encode().decode("gb18030", "replace"),
        lambda: text.encode("gb18030").decode("latin-1"),
        lambda: text.encode("gb18030").decode("utf-8", "replace"),
        lambda: text,
    ]
    text = dice.choice(ways)()
    for _ in range(dice.randrange(4)):
        place = dice.randint(0, len(text))
        text = text[:place] + dice.choice(ODD) * dice.choice((1, 1, 2, 4)) + text[place + dice.randrange(2) :]
    return text


def test_batches_mend_as_single_texts_do() -> None:
    dice = random.Random(5)
    texts = [_wrecked(dice) for _ in range(1500)]
    for config in (CleanConfig(), CleanConfig(spam=False, boilerplate=False, max_repeat=0, min_chars=0)):
        assert clean_batch(texts, config) == [clean_text(text, config) for text in texts]


def test_every_way_back() -> None:
    for said in SAID:
        assert mend(said) == said
        assert mend(said.encode().decode("latin-1")) == said
        assert mend(said.encode().decode("gb18030", "replace")).replace("\ufffd", "")[:4] == said[:4]
    assert mend("质量很好".encode("gb18030").decode("latin-1")) == "质量很好"
