"""Texts tell what happened later.

What goes wrong
    An export shows each record as it is today: a note of the refund was added to the complaint, the field for the date
    of return is filled in. The time of the row is still that of the complaint.
Why it hurts
    The model learns from what nobody could know when the message came. In service that part is missing and with it the
    score.
How it is detected
    Dates written out in the inputs (year, month, day) are laid beside the time of the row. Of the rows that have both,
    more than 30 % name a date later than the day after, and these are at least ten rows and 1 % of all.
What the remedy does
    Advises to read the record as it was at its time, or to leave the later fields and notes out.
Not detected
    Later facts without a date, rows without a time, and dates without a year.
Source
    Kaufman, Rosset, Perlich, Leakage in Data Mining, TKDD 2012 (no time machine).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, sample, shared, texts
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_DATE = re.compile(r"(?<!\d)(20\d{2})[-/.年]\s?(\d{1,2})[-/.月]\s?(\d{1,2})(?!\d)")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.3, gt=0, lt=1)
    """Share of the dated rows that may name a later date; a wish for delivery does, and is no leak."""
    least: int = Field(default=10, ge=1)
    """Rows that do so at least."""
    of_all: float = Field(default=0.01, ge=0, lt=1)
    """Their share of all rows at least."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on inputs that name dates after their time."""
    drawn = sample(rows.kept)
    dated, later = 0, []
    for name, when, text in zip(
        column(drawn, "id"), drawn.arrow().column("time").to_pylist(), texts(drawn), strict=True
    ):
        named = [found for found in map(_date, _DATE.findall(text)) if found] if when else []
        dated += bool(named)
        if named and max(named) > when + timedelta(days=1):
            later.append(name or "")
    if len(later) < settings.of_all * drawn.rows:
        return
    yield from shared(
        "later_share", later, dated, settings.share,
        Text(
            en="{found} of {rows} rows that hold a date ({share}) name one after their own time",
            zh="{rows} 行写有日期的数据中有 {found} 行（{share}）写着晚于自身时间的日期",
        ),
        least=settings.least,
    )  # fmt: skip


def _date(found: tuple[str, str, str]) -> datetime | None:
    try:
        return datetime(int(found[0]), int(found[1]), int(found[2]), tzinfo=UTC)
    except ValueError:  # 2026-13-45 is no date
        return None


remedy = advice(
    "Read each record as it was at its own time (a view of the history, or without the fields that are "
    "filled in later)",
    "按各行当时的样子读取（用历史视图，或去掉后来才填的字段）",
)


ZH = Page(
    title="文本写着以后才发生的事",
    what_goes_wrong="导出的记录是今天的样子：投诉里补上了退款备注，退货日期一栏也填好了，而该行的时间仍是投诉当时。",
    why_it_hurts="模型学到了消息到来时谁也不知道的内容。上线后没有这部分，分数也就没了。",
    how_it_is_detected="把输入里写明年月日的日期与该行时间对照。两者都有的行中，超过 30% 写着晚于次日的日期，且"
    "不少于十行、不少于全部的 1%。",
    what_the_remedy_does="建议按当时的样子读取记录，或去掉后补的字段和备注。",
    not_detected="没有日期的后续事实；没有时间的行；没有年份的日期。",
    source="Kaufman、Rosset、Perlich，TKDD 2012。",
)

PITFALL = Pitfall("future-facts", "prepare", Settings(), detect, remedy, ZH, rank=3)
