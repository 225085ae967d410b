"""Times of rows could not be read.

What goes wrong
    The column of time is written in a form that is not recognised, or in several.
Why it hurts
    A row without a time counts as the oldest. A split by time then tests on the rest, rules of retention miss it, and
    later facts are not noticed.
How it is detected
    For every source, times that were there but could not be read over all its rows: more than 5 %.
What the remedy does
    Advises to write times as ISO 8601, or to cast them in the query.
Not detected
    Times that were read in the wrong order of day and month, or in another time zone.
Source
    ISO 8601; RFC 3339.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of a source's rows whose time may be unreadable."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the source with most of them."""
    sources: Mapping[str, Mapping[str, int]] = rows.facts.get("sources", {})
    unread = {name: one["unread_times"] / one["in"] for name, one in sources.items() if one["unread_times"]}
    worst = max(sorted(unread), key=lambda name: unread[name], default="")
    if not worst or unread[worst] <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{unread[worst]:.1%} of the times of `{worst}` could not be read; these rows have none",
            zh=f"`{worst}` 有 {unread[worst]:.1%} 的时间读不出来；这些行没有时间",
        ),
        measured={"unread_share": unread[worst]},
        limits={"unread_share": settings.share},
        strength=unread[worst] / max(settings.share, 1e-3),
    )


remedy = advice(
    "Write times as `2026-03-01 10:00:00` (ISO 8601), or cast them in the query",
    "把时间写成 `2026-03-01 10:00:00`（ISO 8601），或在查询中转换",
)


ZH = Page(
    title="行的时间读不出来",
    what_goes_wrong="时间列的写法无法识别，或混用了几种写法。",
    why_it_hurts="没有时间的行按最旧处理。按时间划分时测试集只剩其余部分，保留期规则管不到它，后来的事实也发现不了。",
    how_it_is_detected="对每个数据源，写了但读不出的时间占全部行的比例：超过 5%。",
    what_the_remedy_does="建议按 ISO 8601 书写时间，或在查询中转换。",
    not_detected="日与月颠倒、或时区不同却读得出来的时间。",
    source="ISO 8601；RFC 3339。",
)

PITFALL = Pitfall("unread-times", "prepare", Settings(), detect, remedy, ZH, rank=3)
