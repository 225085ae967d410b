"""Texts are still encoded.

What goes wrong
    A text went through one encoder too many: percent signs of an address (`%E5%A5%BD`), escapes of JSON (a backslash,
    `u` and four digits) or entities of entities (`&amp;amp;lt;`) stand where words should.
Why it hurts
    The model learns the look of the accident. Recognisers of personal data, duplicates and labels by keyword look at
    hexadecimal and see nothing.
How it is detected
    Inputs, answers and search words of events: three percent escapes in a row, two JSON escapes, or an entity that is
    encoded twice, in more than 0.5 % of the rows.
What the remedy does
    Advises to decode at the source.
Not detected
    Base64, and a single escape in a text.
Source
    RFC 3986, section 2.4 (never decode or encode the same string twice); WHATWG URL standard.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice, matching, shared
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Text

_ENCODED = r"(?:%[0-9A-Fa-f]{2}){3}|(?:\\u[0-9a-fA-F]{4}){2}|&amp;(?:amp|lt|gt|quot|nbsp|#\d{2,5});"


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.005, gt=0, lt=1)
    """Share of the rows that may hold escapes; customers who paste an address write some."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on escapes in texts, or in the words that were searched."""
    found = sorted({*matching(rows.kept, _ENCODED), *matching(rows.kept, _ENCODED, "target")})
    said = Text(
        en="{found} of {rows} rows ({share}) hold text that is still encoded",
        zh="{rows} 行中有 {found} 行（{share}）仍是编码形式",
    )
    texts = list(shared("encoded_share", found, rows.kept.rows, settings.share, said))
    yield from texts
    events = rows.tables.get("events")
    if texts or events is None or "terms" not in events.columns:
        return
    import polars as pl

    searches = events.lazy().filter(pl.col("terms").is_not_null())
    encoded = searches.filter(pl.col("terms").str.contains(_ENCODED)).select("id").collect()["id"].to_list()
    total = int(searches.select(pl.len()).collect().item())
    yield from shared("encoded_share", sorted(encoded), total, settings.share, said)


remedy = advice(
    "Decode the texts where they are written (one encoder too many), or in the query that reads them",
    "在写入处解码（多编码了一次），或在读取的查询里解码",
)


ZH = Page(
    title="文本仍是编码形式",
    what_goes_wrong="文本多编码了一次：本该是字的地方，是网址的百分号（`%E5%A5%BD`）、JSON 的转义（`\\u597d`）"
    "或实体的实体（`&amp;amp;lt;`）。",
    why_it_hurts="模型学到的是这场事故的样子。个人信息识别、去重、关键词标签面对十六进制，什么也看不见。",
    how_it_is_detected="在输入、答案与事件的搜索词中：连续三个百分号转义、两个 JSON 转义，或编码了两次的实体，超"
    "过 0.5% 的行。",
    what_the_remedy_does="建议在来源处解码。",
    not_detected="Base64；文本中的单个转义。",
    source="RFC 3986 第 2.4 节；WHATWG URL 标准。",
)

PITFALL = Pitfall("encoded-twice", "prepare", Settings(), detect, remedy, ZH, rank=2)
