"""Words that advertising law forbids: absolute terms, as article 9 (3) of the Chinese Advertising Law names them
(国家级, 最高级, 最佳), and the like in English.

The list is a guard, not a lawyer: it holds the usual terms and lets through the usual harmless ones (第一次, 最后, best
before), which is what the guide of the market regulator of 2023 asks for: terms that praise are meant, not terms that
order in time or space or advise on use. A shop adds its own terms, and phrases that it may use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from fittingroom.statistics.generation.tokens import normal

FORBIDDEN = (
    "国家级", "世界级", "全球级", "宇宙级", "最高级", "最佳", "最优", "最好", "最大", "最强", "最低价", "最高",
    "最便宜", "最先进", "最舒适", "最时尚", "最安全", "最受欢迎", "最畅销", "第一", "唯一", "独一无二", "首选",
    "顶级", "顶尖", "极品", "极致", "绝对", "绝无仅有", "史无前例", "前无古人", "无与伦比", "万能", "永久", "无敌",
    "百分之百", "100%", "全网最", "全国最", "史上最", "国家领导人", "驰名商标", "特供", "零风险", "包治", "根治",
    "遥遥领先", "领导品牌", "领导者品牌", "行业领导者", "销量冠军", "销售冠军", "最正宗", "最专业", "最优秀", "最优质",
    "最完美", "最美", "最权威", "最可靠", "最耐用", "最实惠", "最划算", "最优惠", "最便捷", "最齐全", "最全", "最新鲜",
    "最纯正", "最天然", "最健康", "最环保", "最放心", "最靠谱", "最流行", "最热销", "最火爆", "最火", "最潮", "最牛",
    "最棒", "最赞", "最高端", "最高档", "最豪华", "最奢华", "最柔软", "最轻薄", "最轻便", "最静音", "最省电", "最好吃",
    "最好看", "最好喝", "最美味", "最值得",
)  # fmt: skip
"""Chinese terms, in one width and case."""
FORBIDDEN_EN = (
    "best", "number one", "#1", "world-class", "world's first", "world's finest",
    "world's leading", "unbeatable", "unrivalled", "unrivaled", "unparalleled", "unmatched", "the only",
    "one and only", "the cheapest", "lowest price", "lowest prices", "the greatest", "the finest", "most advanced",
    "100%", "absolute", "absolutely", "guaranteed results", "risk-free", "miracle",
)  # fmt: skip
"""English terms; they match whole words."""
ALLOWED = (
    "第一次", "第一时间", "第一步", "第一眼", "第一天", "第一层", "第一页", "第一季",
    "第一人称", "第一印象", "第一排", "第一行", "第一道", "第一遍", "第一批", "第一章", "第一节", "第一代",
    "第一视角", "第一瞬间", "第一时刻", "第一反应", "第一二三四", "绝对值", "绝对湿度", "永久居住",
    "永久地址", "最大限度", "最大程度", "最大承重", "最大尺寸",
    "最高温度", "最高支持", "最高水温", "万能充", "唯一编号", "唯一码", "100%棉", "100%纯棉", "100%羊毛", "100%聚酯",
    "100%亚麻", "100%桑蚕丝", "100%真丝", "best before", "best regards", "best wishes", "at best", "best suited",
    "best used", "best with", "best worn", "best kept", "try our best", "do our best", "our best to", "100% cotton",
    "100% wool",
    "100% polyester", "100% linen", "100% silk", "absolute humidity",
)  # fmt: skip
"""Phrases in which a term is harmless: it orders, measures, names a material or gives advice."""
_FIRST = r"第\s*1(?![\d.%])"
"""第1 is 第一."""
_RANKS = (_FIRST, r"(?<![a-z0-9])top\s*[.-]?\s*1(?![\d.])", r"(?<![a-z0-9])no\.?\s*1(?![\d.])")
"""Terms that are written in many ways."""
_FEAT = "做到|实现|推出|通过|获得|获|采用|研发|开发|发明|提出|达到|拥有|能|把|将|用|专|真正|成功|品牌"
_HARMLESS = (
    # 最好 before a verb advises (最好用温水洗); before a noun, 的 or at the end it praises (最好用的锅, 最好选择).
    r"最好(?:是|先|不|在|将|把|要|能|提前|手洗|避免|别|还是|单独|搭配)",
    r"最好用(?=[^\W\d_])(?![的了吧啊哦吗呢])",
    r"(?<![的是])最好选(?!择[的了]?(?:\W|$))",
    # The first of several things orders; the first that did something praises (第一个做到零甲醛).
    rf"第[一1](?:个|位|件)(?!(?:敢|会|就)?(?:{_FEAT}))",
    # A bestseller is counted; the bestseller outdoes all others.
    r"(?<!the )(?<!'s )(?<![a-z0-9])best[ -]?sell(?:ing|ers?)(?![a-z0-9])",
)
"""Harmless only before or after certain words."""


def forbidden(text: str, more: Sequence[str] = (), allowed: Sequence[str] = ()) -> list[str]:
    """The terms found in a text, each once, in the order of their place; of overlapping ones the longest.

    `more`: terms of the shop's own; `allowed`: phrases in which a term is harmless.
    """
    whole = normal(text).replace("’", "'")
    numbered = [phrase.replace("第一", "第1") for phrase in ALLOWED if phrase.startswith("第一")]
    harmless = _pattern((*ALLOWED, *numbered, *allowed), _HARMLESS)
    plain = harmless.sub(lambda at: "\x00" * len(at[0]), whole)
    found = _pattern((*FORBIDDEN, *FORBIDDEN_EN, *more), _RANKS).finditer(plain)
    return list(dict.fromkeys(at[0] for at in found))


def lawful(text: str, more: Sequence[str] = (), allowed: Sequence[str] = ()) -> float:
    """1 when no forbidden term stands in the text."""
    return float(not forbidden(text, more, allowed))


@cache
def _pattern(terms: tuple[str, ...], patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Terms of Latin letters match whole words, others wherever they stand; blank ones match nothing."""
    ordered = sorted({normal(term).strip() for term in terms} - {""}, key=lambda term: (-len(term), term))
    return re.compile("|".join([*map(_bounded, ordered), *patterns]))


def _bounded(term: str) -> str:
    before = r"(?<![a-z0-9])" if term[0].isascii() and term[0].isalnum() else ""
    after = r"(?![a-z0-9])" if term[-1].isascii() and term[-1].isalnum() else ""
    return before + r"\s+".join(map(re.escape, term.split(" "))) + after
