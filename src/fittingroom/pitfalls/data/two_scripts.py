"""Traditional and simplified Chinese are mixed.

What goes wrong
    Customers of two regions write the same words in two scripts.
Why it hurts
    Every word is learnt twice from half the rows; rules by keyword, duplicates and conflicts see two texts where there
    is one.
How it is detected
    Of the Chinese texts in a sample of at most 20,000, those with characters that only traditional script has, and
    those with their simplified forms: both are more than 3 %, and at least twenty.
What the remedy does
    Advises to bring all texts to one script, in training and in service.
Not detected
    Words that differ between regions though the script is one.
Source
    OpenCC documentation; Unicode Standard Annex 38, variants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, sample, shared, texts
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_TRADITIONAL = re.compile(
    "[們個這來時對說為會過還發後長當問東學現讓從給經點開關書買賣貨質價錢電話實無嗎麼種樣樂親號網車門間見覺讀寫請謝認識]"
)
_SIMPLIFIED = re.compile(
    "[们个这来时对说为会过还发长当问东学现让从给经点开关书买卖货质价钱电话实无吗么种样乐亲号网车门间见觉读写请谢认识]"
)
_HAN = re.compile(r"[\u4e00-\u9fff]")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.03, gt=0, lt=0.5)
    """Share of the Chinese texts that may be in the rarer script."""
    least: int = Field(default=20, ge=1)
    """Texts in it from which on it counts."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires when both scripts are there."""
    drawn = sample(rows.kept)
    every = zip(column(drawn, "id"), texts(drawn), strict=True)
    chinese = [(name or "", text) for name, text in every if _HAN.search(text)]
    old = [name for name, text in chinese if _TRADITIONAL.search(text)]
    new = [name for name, text in chinese if _SIMPLIFIED.search(text)]
    yield from shared(
        "rarer_share", min(old, new, key=len), len(chinese), settings.share,
        Text(
            en=f"both scripts of Chinese are there: {len(old)} texts traditional, {len(new)} simplified, of "
            f"{{rows}}",
            zh=f"繁简混用：{{rows}} 条中文文本中繁体 {len(old)} 条，简体 {len(new)} 条",
        ),
        least=settings.least,
    )  # fmt: skip


remedy = advice(
    "Bring all texts to one script (OpenCC), in training and in service alike",
    "训练与上线都统一为一种字体（如用 OpenCC）",
)


ZH = Page(
    title="繁体与简体混用",
    what_goes_wrong="两地的顾客用两种字体写同样的词。",
    why_it_hurts="每个词都要用一半的数据学两遍；关键词规则、去重与冲突检查把一条看成两条。",
    how_it_is_detected="抽样最多 20,000 条中的中文文本：含有仅繁体才有的字的，与含有其简体字的，均超过 3% 且不少"
    "于二十条。",
    what_the_remedy_does="建议训练与上线都统一为一种字体。",
    not_detected="字体相同而地区用词不同。",
    source="OpenCC 文档；Unicode 标准附件 38。",
)

PITFALL = Pitfall("two-scripts", "prepare", Settings(), detect, remedy, ZH, rank=6)
