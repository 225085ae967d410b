"""Missing values were written as words.

What goes wrong
    A program wrote `nan`, `None`, `null` or `#N/A` where there was nothing.
Why it hurts
    The word becomes a review or a label. A class called nan is learnt, and rows that say nothing weigh as much as
    others.
How it is detected
    Inputs that are nothing but such a word in more than 1 % of the rows, or answers that are (there `none` may be a
    label and does not count). The two letters `NA` are a word and never count.
What the remedy does
    Advises to write missing values as empty cells.
Not detected
    Codes of the shop's own such as 9999 or a dash.
Source
    pandas documentation, working with missing data; the reader here keeps every word as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, matching, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_WORDS = r"^\s*(?i:nan|none|null|nil|undefined|nat|<na>|#n/a|#null!|#value!|#ref!|#name\?|#div/0!|\\n)\s*$"
_LABELS = r"^\s*(?i:nan|null|undefined|nat|<na>|#n/a|#null!|#value!|#ref!|#name\?|#div/0!|\\n)\s*$"


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may consist of such a word; somebody may write one."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on inputs and answers that are such a word."""
    found = sorted({*matching(rows.kept, _WORDS), *matching(rows.kept, _LABELS, "target")})
    yield from shared(
        "missing_share", found, rows.kept.rows, settings.share,
        Text(
            en="{found} of {rows} rows ({share}) hold nothing but a word for a missing value (nan, null, …)",
            zh="{rows} 行中有 {found} 行（{share}）的内容只是表示缺失的词（nan、null 等）",
        ),
        least=2,
    )  # fmt: skip


remedy = advice(
    "Write missing values as empty cells in the export (`NULL` in SQL, `na_rep=''` in pandas)",
    "导出时把缺失值写成空（SQL 用 `NULL`，pandas 用 `na_rep=''`）",
)


ZH = Page(
    title="缺失值被写成了文字",
    what_goes_wrong="程序在没有内容的地方写下了 `nan`、`None`、`null` 或 `#N/A`。",
    why_it_hurts="这个词成了评论或标签。模型会学到名为 nan 的类别，什么也没说的行与其他行同样重要。",
    how_it_is_detected="输入整条只是这种词的行超过 1%，或答案是这种词（答案中的 `none` 可能是标签，不计）。`NA` "
    "两个字母是词，从不计入。",
    what_the_remedy_does="建议把缺失值写成空单元格。",
    not_detected="店铺自定的代码，如 9999 或一个短横。",
    source="pandas 文档（缺失数据）；本工具的读取器保留每个词的原样。",
)

PITFALL = Pitfall("missing-values-as-text", "prepare", Settings(), detect, remedy, ZH, rank=2)
