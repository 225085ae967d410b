"""Texts were masked by another tool.

What goes wrong
    The export was redacted before: `138****5678`, `XXXX`, `<NAME>`, `{{Order Number}}`. In service the same places hold
    real values, which become `[MOBILE]` and `[ORDER_…]`.
Why it hurts
    The model learns marks that it will never meet and meets marks that it never learnt. One customer's number has two
    faces, so joins and conversations break.
How it is detected
    Stars inside digits, runs of X or stars, and names in angle brackets, braces or foreign square brackets: more than 1
    % of the kept rows.
What the remedy does
    Advises to map these marks to our placeholders by rules, or to read the texts unmasked.
Not detected
    Invented values in place of real ones, and masks that look like words.
Source
    Lison et al., Anonymisation Models for Text Data, ACL 2021 (consistent replacement); sets of this kind: JDDC,
    Bitext, CFPB complaints.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, matching, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_MASK = (
    r"\d{2,4}\*{3,8}\d{0,4}|\*{4,}|\bX{3,}\b|\bx{4,}\b|(?i)<(?:name|person|phone|mobile|email|address|order|date|id|location|city|num)"
    r"[ _a-z0-9]{0,20}>|\{\{[^{}\n]{1,40}\}\}"
    r"|\[(?:数字|姓名|电话|手机|地址|金额|日期|时间|订单|商品|链接|站点|组织机构|邮箱|身份证)[^\[\]]{0,8}\]"
    r"|\[ORDERID_\d+\]|【(?:姓名|电话|手机号?|地址|订单号)】"
)


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may hold masks of another tool; people write stars for words they do not write."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on marks that are not ours."""
    found = sorted({*matching(rows.kept, _MASK), *matching(rows.kept, _MASK, "target")})
    yield from shared(
        "masked_share", found, rows.kept.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) were masked by another tool, with marks that service will "
            "not meet",
            zh="{rows} 行中有 {found} 行（{share}）已被别的工具遮盖，上线后不会有这些记号",
        ),
        least=3,
    )  # fmt: skip


remedy = advice(
    "Map these marks to ours with rules (`by: '[MOBILE]'`, …), or read the texts as they were",
    "用规则把这些记号映射为本工具的占位符（如 `by: '[MOBILE]'`），或读取原文",
)


ZH = Page(
    title="文本已被别的工具遮盖",
    what_goes_wrong="导出之前已脱敏：`138****5678`、`XXXX`、`<NAME>`、`{{Order Number}}`。上线后同样的位置是"
    "真实的值，会变成 `[MOBILE]`、`[ORDER_…]`。",
    why_it_hurts="模型学到的记号今后不会出现，今后出现的记号它没学过。同一顾客的号码有两副面孔，关联与会话因此断裂。",
    how_it_is_detected="数字中间的星号、连续的 X 或星号，以及尖括号、花括号或别家方括号里的名称：超过保留行的 1%。",
    what_the_remedy_does="建议用规则把这些记号映射为本工具的占位符，或读取未遮盖的文本。",
    not_detected="用虚构值代替真实值；看起来像普通词的遮盖。",
    source="Lison 等，ACL 2021；此类数据集：JDDC、Bitext、CFPB 投诉。",
)

PITFALL = Pitfall("foreign-placeholders", "prepare", Settings(), detect, remedy, ZH, rank=6)
