"""Many rows of a source could not be read.

What goes wrong
    A wrong delimiter, a quote that never ends, another format of log, keys that are missing: rows go to the rejects,
    one reason each, and the run goes on with the rest.
Why it hurts
    What is missing is seldom missing by chance: long texts with line breaks, one month, one shop. The model never hears
    of them.
How it is detected
    For every source, rejected rows over all its rows: more than 5 %, and at least three. The reason that stands most
    often is told.
What the remedy does
    Advises to look at the rejects, and at the source's delimiter, encoding, key and format.
Not detected
    Rows that were read wrongly but could be read.
Source
    RFC 4180 (no two programs agree on CSV); practice: the rejects of a source are looked at before its rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of a source's rows that may be rejected; a healthy export has one broken line in a thousand."""
    least: int = Field(default=3, ge=1)
    """Rows from which on it counts."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the source that lost most."""
    sources: Mapping[str, Mapping[str, int]] = rows.facts.get("sources", {})
    lost = {name: one["rejected"] / one["in"] for name, one in sources.items() if one["rejected"] >= settings.least}
    if not lost or max(lost.values()) <= settings.share:
        return
    worst = max(sorted(lost), key=lambda name: lost[name])
    why = Counter[str]()
    if rows.rejected is not None:
        pairs = zip(column(rows.rejected, "source"), column(rows.rejected, "reason"), strict=True)
        why.update(reason or "" for source, reason in pairs if source == worst)
    most = why.most_common(1)[0][0] if why else "-"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{lost[worst]:.1%} of the rows of `{worst}` were rejected; most often: {most}",
            zh=f"`{worst}` 有 {lost[worst]:.1%} 的行被拒收；最常见的原因：{most}",
        ),
        measured={"rejected_share": lost[worst], "rows": float(sources[worst]["rejected"])},
        limits={"rejected_share": settings.share},
        strength=lost[worst] / max(settings.share, 1e-3),
    )


remedy = advice(
    "Look at the rejected rows, then at the source's delimiter, encoding, key and format",
    "查看拒收行，再检查数据源的分隔符、编码、主键和格式",
)


ZH = Page(
    title="数据源有许多行读不出来",
    what_goes_wrong="分隔符不对、引号没有闭合、日志是另一种格式、主键缺失：这些行连同原因进入拒收表，运行用其"
    "余的继续。",
    why_it_hurts="缺的往往不是随机的：带换行的长文本、某个月、某家店。模型从此不知道它们。",
    how_it_is_detected="对每个数据源，拒收行占其全部行的比例：超过 5% 且至少三行。报告最常见的原因。",
    what_the_remedy_does="建议查看拒收行，检查数据源的分隔符、编码、主键和格式。",
    not_detected="读错了但读得出来的行。",
    source="RFC 4180；惯例：先看一个数据源的拒收行，再看它的数据。",
)

PITFALL = Pitfall("unreadable-rows", "prepare", Settings(), detect, remedy, ZH, rank=2)
