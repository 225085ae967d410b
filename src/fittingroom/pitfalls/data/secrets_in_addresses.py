"""Addresses carry tokens.

What goes wrong
    A link in a message or a line of a log carries what its owner is known by: a session, a signature, a token of access
    in its query.
Why it hurts
    Whoever reads the table, the report or the rejected lines can act as the customer, and a model can be made to say a
    token again.
How it is detected
    Kept, dropped and rejected texts and the side tables are searched for parameters of that name with a value
    (`token=`, `session=`, `sig=`, `password=` …) and for signed web tokens. One is enough.
What the remedy does
    Replaces web addresses by `[URL]`; where they are replaced already it advises to keep the query out of the log.
Not detected
    Tokens that are part of the path or stand under a name of the shop's own.
Source
    RFC 6750, section 5.3 (no bearer tokens in page URLs); OWASP, Information exposure through query strings in URL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES, matching, strings
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text

_SECRET = (
    r"(?i)[?&;](?:access_?token|refresh_?token|id_?token|token|auth|sid|session_?id|session|jsessionid|phpsessid|sig"
    r"|signature|passw(?:or)?d|pwd|api_?key|secret)=[^&\s]{6,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}\.|bearer [A-Za-z0-9._-]{16,}"
)


class Settings(Frozen):
    """Limits."""

    values: int = Field(default=0, ge=0)
    """Texts that may hold one."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the first token."""
    import polars as pl

    whole = [table for table in rows.tables.values() if "input" in table.columns]  # a reference, of rows like ours
    found = [
        name
        for table in (rows.kept, rows.dropped, *whole)
        for struct in ("input", "target")
        for name in matching(table, _SECRET, struct)
    ]
    lines = 0
    if rows.rejected is not None and rows.rejected.rows:
        lines = int(rows.rejected.lazy().select(pl.col("text").str.contains(_SECRET).sum()).collect().item() or 0)
    cells = 0
    for table in rows.tables.values():
        names = strings(table)
        if names:
            held = table.lazy().select(pl.col(name).str.contains(_SECRET).sum() for name in names).collect()
            cells += int(sum(value or 0 for value in held.row(0)))
    total = len(found) + lines + cells
    if total <= settings.values:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{total} tokens of access stand in texts ({len(found)}), rejected lines ({lines}) and side "
            f"tables ({cells})",
            zh=f"文本（{len(found)}）、拒收行（{lines}）和附表（{cells}）中共有 {total} 个访问令牌",
        ),
        measured={"values": float(total)},
        limits={"values": float(settings.values)},
        examples=tuple(sorted(found)[:MOST_EXAMPLES]),
        strength=float(total),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Addresses are replaced; where they are, people keep queries out of the log."""
    if used["prepare"]["clean"]["urls"] != "keep":
        return Remedy(
            title=Text(
                en="Keep queries out of the log and the export; make the tokens that were written down void",
                zh="不要把查询串写进日志和导出；作废已写下的令牌",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Replace web addresses", zh="替换网址"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.clean.urls": "replace"},
        expectation=Text(en="no text holds a token of access", zh="文本中不再有访问令牌"),
    )


ZH = Page(
    title="网址里带着令牌",
    what_goes_wrong="消息里的链接或日志的一行带着辨认其主人的东西：查询串里的会话、签名或访问令牌。",
    why_it_hurts="看到表、报告或拒收行的人都能冒充这位顾客；模型也可能被诱导说出令牌。",
    how_it_is_detected="在保留、去掉、拒收的文本与附表中查找带值的此类参数（`token=`、`session=`、`sig=`、`passw"
    "ord=` 等）和签名令牌。有一处即为发现。",
    what_the_remedy_does="把网址换成 `[URL]`；若已经替换，建议不要把查询串写进日志。",
    not_detected="路径中的令牌，或店铺自定名称的令牌。",
    source="RFC 6750 第 5.3 节；OWASP（查询串泄露信息）。",
)

PITFALL = Pitfall("secrets-in-addresses", "prepare", Settings(), detect, remedy, ZH, rank=2)
