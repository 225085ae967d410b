"""Markup is left in the texts.

What goes wrong
    Tags and entities of a web form or a mail stand among the words, because cleaning of markup is off.
Why it hurts
    The model learns tags; length and duplicates are measured on them; a number with a tag inside passes redaction.
How it is detected
    Names of HTML tags in angle brackets and entities in more than 1 % of the kept rows.
What the remedy does
    Turns the cleaning of markup on.
Not detected
    Tags of other languages (BBCode, Markdown), which some people type.
Source
    WHATWG HTML standard (names of elements).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import matching, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Text

_LEFT = (
    r"(?i)</?(?:p|br|div|span|a|b|i|u|em|strong|font|img|ul|ol|li|table|tr|td|th|script|style|h[1-6])(?:\s[^<>]{0,500})?/?>"
    r"|&(?:nbsp|amp|lt|gt|quot|hellip|mdash|#\d{2,5}|#x[0-9a-f]{2,5});"
)


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may hold markup; people paste a tag now and then."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on what cleaning left."""
    found = matching(rows.kept, _LEFT)
    yield from shared(
        "left_share", found, rows.kept.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) hold tags or entities of HTML",
            zh="{rows} 行中有 {found} 行（{share}）含有 HTML 标签或实体",
        ),
    )  # fmt: skip


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The rule of cleaning that is off."""
    if used["prepare"]["clean"]["markup"]:
        return None
    return Remedy(
        title=Text(en="Clean markup", zh="清洗标记"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.clean.markup": True},
        expectation=Text(en="no row holds tags", zh="文本中不再有标签"),
    )


ZH = Page(
    title="文本中留有标记",
    what_goes_wrong="网页表单或邮件的标签与实体混在文字里，因为标记清洗被关闭。",
    why_it_hurts="模型学的是标签；长度与重复按标签计算；夹着标签的号码能躲过脱敏。",
    how_it_is_detected="保留行中超过 1% 含有尖括号内的 HTML 标签名或实体。",
    what_the_remedy_does="打开标记清洗。",
    not_detected="其他语言的标记（BBCode、Markdown），有人会手打。",
    source="WHATWG HTML 标准。",
)

PITFALL = Pitfall("markup-in-text", "prepare", Settings(), detect, remedy, ZH, rank=3)
