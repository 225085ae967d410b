"""Machines are among the visitors.

What goes wrong
    Crawlers that call themselves browsers, price watchers and tests of load are counted as customers who looked at
    goods.
Why it hurts
    Popularity, sessions and what is bought together are theirs. One crawler that reads the whole catalogue outweighs a
    thousand customers.
How it is detected
    The events are counted by visitor and minute. A visitor who made 60 or more in one minute is no person; their share
    of the events is above 5 %.
What the remedy does
    Advises to keep these visitors out: by their address or name in the log, or by a route of the kind `bot`.
Not detected
    Slow crawlers and those who change their address, and sources of events without a visitor or a time.
Source
    Tan and Kumar, Discovery of Web Robot Sessions Based on their Navigational Patterns, 2002; nginx,
    ngx_http_limit_req_module (limits by requests a second).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text


class Settings(Frozen):
    """Limits."""

    in_a_minute: int = Field(default=60, ge=10)
    """Events of one visitor in one minute from which on it is no person: one a second, for a whole minute."""
    share: float = Field(default=0.05, gt=0, lt=1)
    """Share of the events that may be theirs."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires when too many events are made by machines."""
    import polars as pl

    events = rows.tables.get("events")
    if events is None or not events.rows:
        return
    known = events.lazy().filter(pl.col("group").is_not_null() & pl.col("time").is_not_null())
    minutes = known.group_by("group", pl.col("time").dt.truncate("1m")).len()
    machines = minutes.filter(pl.col("len") >= settings.in_a_minute).select("group").unique()
    theirs = known.join(machines, on="group", how="semi").select("id").collect()["id"].sort().to_list()
    visitors = int(machines.select(pl.len()).collect().item())
    yield from shared(
        "machine_share", theirs, events.rows, settings.share,
        Text(
            en=f"{{found}} of {{rows}} events ({{share}}) were made by {visitors} visitors faster than any "
            "person",
            zh=f"{{rows}} 个事件中有 {{found}} 个（{{share}}）出自 {visitors} 个快得不像人的访客",
        ),
        more={"visitors": float(visitors)},
    )  # fmt: skip


remedy = advice(
    "Keep these visitors out of the log (by address or name), or name their pages under `routes` as `bot`",
    "在日志中按地址或名称排除这些访客，或在 `routes` 里把其页面列为 `bot`",
)


ZH = Page(
    title="访客里混着机器",
    what_goes_wrong="自称浏览器的爬虫、比价程序和压力测试，被当成了看商品的顾客。",
    why_it_hurts="热度、会话和“一起购买”都成了它们的。一个读遍整个目录的爬虫压过一千位顾客。",
    how_it_is_detected="按访客和分钟统计事件。一分钟内 60 次以上的访客不是人；他们的事件占比超过 5%。",
    what_the_remedy_does="建议排除这些访客：在日志中按地址或名称，或用 `bot` 类的路由。",
    not_detected="慢速爬虫和更换地址的爬虫；没有访客或时间的事件来源。",
    source="Tan、Kumar，Discovery of Web Robot Sessions，2002；nginx limit_req 的做法。",
)

PITFALL = Pitfall("robots-among-events", "prepare", Settings(), detect, remedy, ZH, rank=6)
