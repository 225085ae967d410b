"""Rows are in other languages.

What goes wrong
    Reviews of another country's shop came in with the export: Russian, Japanese, Arabic among Chinese and English.
Why it hurts
    There are too few of them to learn and enough to disturb: rules, redaction and word lists do not know them, and
    scores on them are chance.
How it is detected
    Texts with three letters in a row of a script that is neither Chinese nor Latin: more than 2 % of the kept rows.
What the remedy does
    Advises to leave them to a model of their own, or to drop them by a rule.
Not detected
    Other languages in Latin script, Cantonese, and Japanese in Chinese characters alone.
Source
    Unicode Standard Annex 24 (scripts).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, matching, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_SCRIPTS = (
    r"[\p{Cyrillic}\p{Arabic}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Devanagari}\p{Hebrew}\p{Greek}\p{Bengali}\p{Tamil}"
    r"\p{Armenian}\p{Georgian}\p{Khmer}\p{Lao}\p{Myanmar}\p{Tibetan}\p{Mongolian}]{3}"
)


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.02, ge=0, lt=1)
    """Share of the rows that may be in another script; names of goods hold some words of it."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on other scripts."""
    yield from shared(
        "foreign_share", matching(rows.kept, _SCRIPTS), rows.kept.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) are in a script that is neither Chinese nor Latin",
            zh="{rows} 行中有 {found} 行（{share}）使用汉字与拉丁字母之外的文字",
        ),
    )  # fmt: skip


remedy = advice(
    "Drop rows of these languages with a rule (`prepare.clean.rules`), or give them a recipe of their own",
    "用规则（`prepare.clean.rules`）去掉这些语言的行，或为其另写配方",
)


ZH = Page(
    title="有其他语言的数据",
    what_goes_wrong="导出里带进了别国店铺的评论：中英文之间夹着俄文、日文、阿拉伯文。",
    why_it_hurts="太少学不会，又多得足以干扰：规则、脱敏、词表都不认识它们，在它们上面的分数全凭运气。",
    how_it_is_detected="含有连续三个既非汉字也非拉丁字母的文字的文本：超过保留行的 2%。",
    what_the_remedy_does="建议另建模型处理，或用规则去掉。",
    not_detected="用拉丁字母书写的其他语言、粤语、只用汉字书写的日文。",
    source="Unicode 标准附件 24（文字）。",
)

PITFALL = Pitfall("foreign-language", "prepare", Settings(), detect, remedy, ZH, rank=6)
