"""Advertisements and noise are among the rows.

What goes wrong
    Sellers of other things, fake reviewers and keyboards that were hit at random write into the same field as customers
    do.
Why it hurts
    They carry the label of the row they came with, mostly five stars. The model learns that a telephone number is
    praise.
How it is detected
    A sample of at most 20,000 rows is searched for texts that give a contact and sell something, and for keyboard
    noise: more than 1 %.
What the remedy does
    Turns on the cleaning that drops them; where it is on, it advises rules of the shop's own.
Not detected
    Advertisements without a contact, and rows that are about something else.
Source
    Ott et al., Finding Deceptive Opinion Spam by Any Stretch of the Imagination, ACL 2011; Jindal and Liu, Opinion Spam
    and Analysis, WSDM 2008.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import column, sample, shared, texts
from fittingroom.text.spam import is_advertisement, is_gibberish
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may be advertisements or noise; of 23,860 real shop reviews none is."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on a sample of the kept rows."""
    drawn = sample(rows.kept)
    found = [
        name or ""
        for name, text in zip(column(drawn, "id"), texts(drawn), strict=True)
        if is_advertisement(text) or is_gibberish(text)
    ]
    yield from shared(
        "left_share", found, drawn.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) advertise something or are keyboard noise",
            zh="{rows} 行中有 {found} 行（{share}）是广告或乱敲的字",
        ),
        least=3,
    )  # fmt: skip


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The rule of cleaning that is off; else rules of the shop's own."""
    if used["prepare"]["clean"]["spam"]:
        return Remedy(
            title=Text(
                en="Name them with rules of your own (`prepare.clean.rules`, `action: drop`)",
                zh="用自定义规则去掉（`prepare.clean.rules`，`action: drop`）",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Drop advertisements and noise", zh="去掉广告和乱敲的字"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.clean.spam": True},
        expectation=Text(en="no row advertises", zh="数据中不再有广告"),
    )


ZH = Page(
    title="数据里混着广告和乱敲的字",
    what_goes_wrong="卖别的东西的、刷评的和乱敲键盘的，写在与顾客相同的字段里。",
    why_it_hurts="它们带着所在行的标签，多半是五星。模型于是学到“电话号码等于好评”。",
    how_it_is_detected="抽样最多 20,000 行，查找既留联系方式又推销的文本和键盘乱敲：超过 1%。",
    what_the_remedy_does="打开相应的清洗；若已打开，建议使用自定义规则。",
    not_detected="没有联系方式的广告；说别的事情的行。",
    source="Ott 等，ACL 2011；Jindal、Liu，WSDM 2008。",
)

PITFALL = Pitfall("advertisements", "prepare", Settings(), detect, remedy, ZH, rank=3)
