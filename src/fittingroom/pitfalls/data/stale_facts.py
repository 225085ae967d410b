"""Answers hold facts that pass.

What goes wrong
    Prices, stock, promotions and dates of delivery stand in the answers that shall be learnt.
Why it hurts
    They go into the weights and are said with confidence long after they changed; a customer may hold the shop to a
    price.
How it is detected
    Where the answers are sentences: more than 10 % of them hold a price, a word of stock or a promotion. Labels of a
    closed set are never such answers.
What the remedy does
    Advises to take such facts out of the answers and to put them into the input when the model is asked (retrieval).
Not detected
    Facts without such a word, and facts that the base model learnt before.
Source
    Lazaridou et al., Mind the Gap: Assessing Temporal Generalization, arXiv 2102.01951; Ovadia et al., Fine-Tuning or
    Retrieval?, arXiv 2312.05934.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, matching, shared, writes_sentences
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_PASSING = (
    r"(?i)[¥￥$€£]\s?\d|\d(?:\.\d+)?\s?(?:dollars?|usd|rmb|yuan|euros?)\b|\d(?:\.\d+)?\s?(?:元|块钱)"
    r"|现货|库存|缺货|断货|补货|仅剩|预售|in stock|out of stock|sold out|only \d+ left|back ?order"
    r"|限时|满\d+减|优惠券|折扣|促销|活动价|秒杀|双十一|双11|618|\d折"
    r"|discount|coupon|promo(?:tion)?\b|\d\s?% off|on sale|sale ends"
)


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the answers that may hold such a fact; a rule of returns may name a sum, but not each tenth answer."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on answers that hold prices, stock or promotions."""
    if not writes_sentences(rows.kept):
        return
    yield from shared(
        "stale_share", matching(rows.kept, _PASSING, "target"), rows.kept.rows, settings.share,
        Text(
            en="{found} of {rows} answers ({share}) hold a price, stock or a promotion, which will pass",
            zh="{rows} 条答案中有 {found} 条（{share}）写着价格、库存或促销，这些都会过时",
        ),
    )  # fmt: skip


remedy = advice(
    "Do not train on prices, stock and promotions: retrieve them when the model is asked, and leave such answers out",
    "不要训练价格、库存和促销：提问时检索，并去掉这类答案",
)


ZH = Page(
    title="答案里有会过时的事实",
    what_goes_wrong="要学习的答案里写着价格、库存、促销和到货日期。",
    why_it_hurts="这些会进入权重，早已变动之后仍被言之凿凿地说出来；顾客还可能要求按此价格兑现。",
    how_it_is_detected="答案是句子时：超过 10% 含有价格、库存或促销的说法。封闭标签集不属于此类答案。",
    what_the_remedy_does="建议从答案中去掉这类事实，在提问时放进输入（检索）。",
    not_detected="没有这些字眼的事实；基座模型此前学到的事实。",
    source="Lazaridou 等，arXiv 2102.01951；Ovadia 等，arXiv 2312.05934。",
)

PITFALL = Pitfall("stale-facts", "prepare", Settings(), detect, remedy, ZH, rank=6)
