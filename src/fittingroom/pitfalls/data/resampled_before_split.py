"""Held-out rows are made from training rows.

What goes wrong
    Rare classes were repeated or augmented before the data was split, here or before it came: a row and its variant
    with two words moved stand on both sides.
Why it hurts
    The test asks for what was learnt by heart. Scores of the rare classes rise most, and they were the reason to
    resample.
How it is detected
    Held-out rows that carry the mark of resampling, or whose id is that of a training row but for a copy's number; and
    held-out rows that consist of exactly the same characters as a training row in another order (at least 12 of them),
    which is what swapping words leaves. More than 1 % of a part and at least three rows.
What the remedy does
    Advises to take the resampling out of the source; `balance.method` and `balance.augment` do it for the training part
    alone.
Not detected
    Augmentation that replaces words (near copies are found by `leaked-test-examples`) and translations there and back.
Source
    imbalanced-learn documentation, Common pitfalls and recommended practices (data leakage), and its issue 751.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import advice, column, shared, texts
from fittingroom.tables import Table
from fittingroom.text.similarity import match_key
from fittingroom.types import Finding, Frozen, Page, Pitfall, Splits, Text

_MARKS = {"oversampled", "augmented"}
HELD_OUT = ("dev", "calibration", "test")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of a held-out part that may be made from training rows."""
    least: int = Field(default=3, ge=1)
    """Rows from which on it counts."""
    characters: int = Field(default=12, ge=4)
    """Letters that two texts must share in another order; shorter ones meet by chance."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the part with most such rows."""
    if splits.facts.get("moments"):
        return  # two customers who bought the same: neither is made from the other
    origins = {(name or "").partition("~")[0] for name in column(splits.train, "id")}
    known: dict[str, set[str]] = {}
    for text in texts(splits.train):
        key = match_key(text)
        if len(key) >= settings.characters:
            known.setdefault("".join(sorted(key)), set()).add(key)
    parts = {name: table for name, table in splits.parts().items() if name in HELD_OUT and table.rows}
    made = {name: _made(table, origins, known, settings) for name, table in parts.items()}
    worst = max(made, key=lambda name: (len(made[name]) / parts[name].rows, name), default="")
    if worst:
        yield from shared(
            "made_share", made[worst], parts[worst].rows, settings.share,
            Text(
                en=f"{{found}} of {{rows}} rows of {worst} ({{share}}) are made from training rows",
                zh=f"{worst} 的 {{rows}} 行中有 {{found}} 行（{{share}}）由训练数据造出",
            ),
            least=settings.least,
        )  # fmt: skip


def _made(part: Table, origins: set[str], known: Mapping[str, set[str]], settings: Settings) -> list[str]:
    """Ids of the rows with a mark, of a training row's id, or of its characters in another order."""
    found = []
    every = zip(column(part, "id"), part.arrow().column("edits").to_pylist(), texts(part), strict=True)
    for name, edits, text in every:
        marked = any(one["rule"] in _MARKS for one in edits or [])
        key = match_key(text)
        same = known.get("".join(sorted(key)), set()) if len(key) >= settings.characters else set()
        if marked or (name or "").partition("~")[0] in origins or same - {key}:
            found.append(name or "")
    return found


remedy = advice(
    "Take the resampling out of the source; `balance` resamples the training part alone",
    "把重采样从数据源中去掉；由 `balance` 只对训练部分进行",
)


ZH = Page(
    title="留出数据由训练数据造出",
    what_goes_wrong="划分之前就对少见类别做了重复或增广（无论在这里还是更早）：一行和它调换了两个词的变体落在两边。",
    why_it_hurts="测试考的是背下来的内容。少见类别的分数涨得最多，而当初正是为了它们才重采样。",
    how_it_is_detected="留出数据中带有重采样记号的行，或 id 除副本序号外与训练行相同的行；以及与某训练行字符完全"
    "相同只是顺序不同（至少 12 个字符）的行，这正是调换词语留下的痕迹。超过一个部分的 1% 且不"
    "少于三行。",
    what_the_remedy_does="建议把重采样从数据源中去掉；`balance.method` 与 `balance.augment` 只对训练部分进行。",
    not_detected="替换词语的增广（近似重复由 `leaked-test-examples` 发现）与回译。",
    source="imbalanced-learn 文档（数据泄漏）及其 issue 751。",
)

PITFALL = Pitfall("resampled-before-split", "balance", Settings(), detect, remedy, ZH, rank=5)
