"""Texts were read in the wrong encoding.

What goes wrong
    A file was decoded with another table than it was encoded with, once or several times on its way: Chinese turns into
    rare characters, accents into pairs of signs, some bytes are lost for good.
Why it hurts
    The model learns wreckage, and what cannot be mended is dropped. Redaction and dedup cannot see through it.
How it is detected
    Rows that still hold wreckage after cleaning, together with those that were dropped as garbled: more than 1 %. Or:
    more than 20 % of the rows had to be mended, so that a whole source is read wrongly.
What the remedy does
    Turns mending on where it is off; else it advises to name the right encoding of the source.
Not detected
    Single lost characters.
Source
    ftfy documentation (what can be undone); measured: 9 of 23,860 real shop reviews hold some wreckage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import examples, sample, texts
from fittingroom.text.mojibake import wreck_share
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text

_RULE = "mojibake"


class Settings(Frozen):
    """Limits."""

    left: float = Field(default=0.01, ge=0, lt=1)
    """Share of the rows that may be wreckage or dropped as such."""
    mended: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows that may have been mended; more is a source in the wrong encoding, not an accident."""
    wreck: float = Field(default=0.3, gt=0, lt=1)
    """Share of a text that must be wreckage; an idiom of rare characters in a short text comes to 0.2."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on wreckage that is left, and on a source that had to be mended throughout."""
    drawn = sample(rows.kept)
    if not drawn.rows:
        return
    said = texts(drawn)
    wrecks = [place for place, text in enumerate(said) if wreck_share(text) >= settings.wreck]
    gone = int(rows.facts.get("dropped_by_reason", {}).get("garbled", 0))
    total = rows.kept.rows + gone
    left = (len(wrecks) / drawn.rows * rows.kept.rows + gone) / total
    rules = drawn.arrow().column("edits").to_pylist()
    mended = sum(any(one["rule"] == _RULE for one in found or []) for found in rules) / drawn.rows
    if left <= settings.left and mended <= settings.mended:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{left:.1%} of the rows are wreckage of a wrong decoding ({gone} dropped as garbled); "
            f"{mended:.1%} were mended",
            zh=f"{left:.1%} 的行是错误解码的残骸（因乱码去掉 {gone} 行）；{mended:.1%} 已修复",
        ),
        measured={"left_share": left, "mended_share": mended},
        limits={"left_share": settings.left, "mended_share": settings.mended},
        examples=examples(drawn, wrecks),
        strength=max(1.0, left / max(settings.left, 1e-3), mended / settings.mended),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Mending, where it is off; else the right encoding."""
    if used["prepare"]["clean"]["mojibake"]:
        return Remedy(
            title=Text(
                en="Name the encoding of the source (`encoding: gb18030`, …), or export it again as UTF-8",
                zh="写明数据源的编码（如 `encoding: gb18030`），或重新导出为 UTF-8",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en="Mend wrong decoding", zh="修复错误解码"),
        safety=Safety.AUTOMATIC,
        patch={"prepare.clean.mojibake": True},
        expectation=Text(en="fewer rows are dropped as garbled", zh="因乱码去掉的行减少"),
    )


ZH = Page(
    title="文本按错误的编码读取",
    what_goes_wrong="文件用与写入时不同的字符表解码，一次或几次：中文变成生僻字，重音变成成对的符号，有些字节"
    "永远丢失。",
    why_it_hurts="模型学到的是残骸，修不好的行被去掉。脱敏与去重看不穿它。",
    how_it_is_detected="清洗后仍有残骸的行，加上因乱码去掉的行：超过 1%。或者：超过 20% 的行需要修复，说明整个数"
    "据源读错了。",
    what_the_remedy_does="若修复功能关闭则打开；否则建议写明数据源的正确编码。",
    not_detected="单个丢失的字符。",
    source="ftfy 文档；实测：23,860 条真实店铺评论中有 9 条含残骸。",
)

PITFALL = Pitfall("broken-encoding", "prepare", Settings(), detect, remedy, ZH, rank=2)
