"""Texts say nothing.

What goes wrong
    The field holds a number, a row of dots or the placeholder that redaction left of a telephone number, and no word.
Why it hurts
    Their label cannot be learnt from them. They teach that nothing means the most frequent class, and an empty request
    in service is answered with confidence.
How it is detected
    A sample of at most 20,000 rows: texts in which, placeholders aside, no letter and no pictograph stands. More than 5
    %.
What the remedy does
    Advises a rule that drops them, or another field of input.
Not detected
    Texts of words that say nothing.
Source
    Measured: 84 of 3,150 reviews of en_alexa_reviews have no letter (2.7 %).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, sample, shared, texts
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_PLACEHOLDER = re.compile(r"\[[A-Z]{2,}(?:_[A-Z]+)*(?:_[a-p]{16})?\]")
_SAYS = re.compile(r"[^\W\d_]|[\u2190-\u2bff\U0001f000-\U0001faff]")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the rows that may say nothing."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on texts without a letter."""
    if "gathered" in rows.facts:
        return  # moments of customers of whom nothing is known yet: the cold start
    drawn = sample(rows.kept)
    every = zip(column(drawn, "id"), texts(drawn), strict=True)
    found = [name or "" for name, text in every if not _SAYS.search(_PLACEHOLDER.sub("", text))]
    yield from shared(
        "empty_share", found, drawn.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) hold no word: numbers, dots or placeholders alone",
            zh="{rows} 行中有 {found} 行（{share}）没有一个词：只有数字、点或占位符",
        ),
        least=3,
    )  # fmt: skip


remedy = advice(
    "Drop them with a rule (`prepare.clean.rules`), or give the model another field",
    "用规则（`prepare.clean.rules`）去掉，或换一个输入字段",
)


ZH = Page(
    title="文本没有内容",
    what_goes_wrong="字段里只有一个数字、一串点，或脱敏后剩下的占位符，没有一个词。",
    why_it_hurts="从中学不到标签。它们教会模型“什么也没说”等于最常见的类别，上线后空请求也被自信作答。",
    how_it_is_detected="抽样最多 20,000 行：除占位符外没有任何文字、也没有表情的文本。超过 5%。",
    what_the_remedy_does="建议用规则去掉，或换一个输入字段。",
    not_detected="有词但没有内容的文本。",
    source="实测：en_alexa_reviews 的 3,150 条评论中有 84 条没有字母（2.7%）。",
)

PITFALL = Pitfall("texts-that-say-nothing", "prepare", Settings(), detect, remedy, ZH, rank=6)
