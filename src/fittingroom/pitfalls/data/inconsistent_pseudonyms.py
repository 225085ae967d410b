"""One kind of value has two kinds of placeholder.

What goes wrong
    A part of the rows was redacted earlier, under other settings: there an order is `[ORDER]`, here it is `[ORDER_…]`
    with a pseudonym of its own.
Why it hurts
    The same order is two things, turns of one conversation no longer meet, and the model learns from which batch a row
    came.
How it is detected
    Placeholders of one kind with a pseudonym and bare ones: both stand in at least 1 % of the kept rows and in five.
What the remedy does
    Advises to redact all rows anew from the source, with one setting of `prepare.redact.pseudonyms` and one key.
Not detected
    Two keys: their pseudonyms look alike.
Source
    GDPR, article 4(5) (pseudonymisation needs one additional information kept apart); ISO 25237.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, matching, sample, shared, texts
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_FORM = re.compile(r"\[([A-Z]{2,}(?:_[A-Z]+)*?)(_[a-p]{16})?\]")
_RE2 = r"\[[A-Z]{2,}(?:_[A-Z]+)*(?:_[a-p]{16})?\]"


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may hold the rarer form of a kind."""
    least: int = Field(default=5, ge=1)
    """Rows from which on it counts."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the kind whose two forms are both frequent."""
    drawn = sample(rows.kept)
    holders = set(matching(drawn, _RE2))
    forms: dict[str, tuple[list[str], list[str]]] = {}
    for name, text in zip(column(drawn, "id"), texts(drawn), strict=True):
        if name in holders:
            for kind, pseudonym in set(_FORM.findall(text)):
                forms.setdefault(kind, ([], []))[bool(pseudonym)].append(name)
    rarer = {kind: sorted(set(bare if len(bare) <= len(keyed) else keyed)) for kind, (bare, keyed) in forms.items()}
    worst = max(sorted(rarer), key=lambda kind: len(rarer[kind]), default="")
    if worst:
        yield from shared(
            "rarer_share", rarer[worst], drawn.rows, settings.share,
            Text(
                en=f"{worst} stands with a pseudonym in some rows and bare in others; the rarer form in "
                f"{{found}} of {{rows}} "
                "({share})",
                zh=f"{worst} 在有的行带假名，在有的行不带；较少的一种出现在 {{rows}} 行中的 {{found}} "
                f"行（{{share}}）",
            ),
            least=settings.least,
        )  # fmt: skip


remedy = advice(
    "Redact all rows anew from the source, with one key and one setting of `prepare.redact.pseudonyms`",
    "从来源统一重新脱敏，使用同一密钥和同一 `prepare.redact.pseudonyms` 设置",
)


ZH = Page(
    title="同一类值有两种占位符",
    what_goes_wrong="一部分数据早先按别的设置脱敏过：那里订单是 `[ORDER]`，这里是带假名的 `[ORDER_…]`。",
    why_it_hurts="同一订单成了两样东西，同一会话的各轮对不上，模型还会学到某行来自哪一批。",
    how_it_is_detected="同一类占位符既有带假名的也有不带的：两者均出现在至少 1% 且不少于五行的保留行中。",
    what_the_remedy_does="建议从来源统一重新脱敏，使用同一 `prepare.redact.pseudonyms` 设置和同一密钥。",
    not_detected="用了两个密钥：假名看起来没有区别。",
    source="GDPR 第 4 条第 5 款；ISO 25237。",
)

PITFALL = Pitfall("inconsistent-pseudonyms", "prepare", Settings(), detect, remedy, ZH, rank=6)
