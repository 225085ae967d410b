"""Different rows were taken out as copies.

What goes wrong
    Likeness of letters is taken for likeness of meaning: good and not good, 100 and 1000, two sizes of one shirt share
    most of their characters, and one of the two goes.
Why it hurts
    What was taken out was the rare case: the negation, the other number, the other product. Its label is then unknown
    to the model, and a test that was freed from rows like it looks better than it is.
How it is detected
    The rows that dedup took out as near copies (a sample of at most 20,000) are laid beside their twins. A removal is
    wrong when label, numbers or negations differ, when 15 % of the row's own pairs of neighbouring characters do not
    stand in its twin, or when digits, signs or words of denial, counted in whatever word they stand, are others. The
    precision of the removals is told; more than 5 % wrong ones, or one with another label, number or negation, is a
    finding.
What the remedy does
    Raises the threshold of near copies to 0.8, where pairs differ in a few letters only; above that it advises to
    remove exact copies only.
Not detected
    Texts that mean something else with the same words in another order, and removals by a tool before the source was
    read.
Source
    Removals whose precision nobody reported: marin-community/marin issue 6852; short reviews merged into one:
    data-juicer pull request 1051; Lee et al., arXiv 2107.06499 (threshold 0.8 with a second check).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES, sample
from fittingroom.text.similarity import distinguishing, match_key
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text

HIGH_ENOUGH = 0.8


class Settings(Frozen):
    """Limits."""

    lost: float = Field(default=0.15, gt=0, le=1)
    """Share of a removed row's pairs of characters that may be missing from its twin. At a threshold of 0.8 a tail that
    differs is a ninth of the row at most."""
    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the removals that may be wrong in that way."""
    least: int = Field(default=3, ge=1)
    """Wrong removals of that kind from which on the share says something."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on removals that were none of copies."""
    gone = [row for row in sample(rows.dropped).dicts() if row["reason"] == "near duplicate" and row["twin"]]
    if not gone:
        return
    twins = _texts_of(rows, {row["twin"] for row in gone})
    other, poorer = [], []
    for row in gone:
        twin = twins.get(row["twin"])
        if twin is None:
            continue
        said = _said(row)
        if twin[1] != _answer(row) or distinguishing(twin[0]) != distinguishing(said):
            other.append(row["id"])
        elif _lost(said, twin[0]) >= settings.lost or _turned(said) != _turned(twin[0]):
            poorer.append(row["id"])
    wrong = sorted([*other, *poorer])
    share = len(wrong) / len(gone)
    if not other and (share <= settings.share or len(poorer) < settings.least):
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{len(wrong)} of {len(gone)} rows taken out as near copies ({share:.1%}) are none: "
            f"{len(other)} differ in "
            f"label, number or negation, {len(poorer)} in their words; precision {1 - share:.2f}",
            zh=f"作为近似重复去掉的 {len(gone)} 行中有 {len(wrong)} 行（{share:.1%}）并不是：{len(other)} "
            "行标签、数字或否定词不同，"
            f"{len(poorer)} 行用词不同；精确率 {1 - share:.2f}",
        ),
        measured={"wrong_share": share, "precision": 1 - share, "other_meaning": float(len(other))},
        limits={"wrong_share": settings.share},
        examples=tuple(wrong[:MOST_EXAMPLES]),
        strength=max(1.0, share / max(settings.share, 1e-3)),
    )


def _texts_of(rows: Rows, wanted: set[str]) -> dict[str, tuple[str, str]]:
    """Id -> text and answer of the rows that others went for."""
    found: dict[str, tuple[str, str]] = {}
    for table in (rows.kept, rows.dropped):
        for batch in table.batches():
            places = [place for place, name in enumerate(batch.column("id").to_pylist()) if name in wanted]
            for row in batch.take(places).to_pylist() if places else ():
                found[row["id"]] = (_said(row), _answer(row))
    return found


def _said(row: Mapping[str, Any]) -> str:
    return "\n".join(value or "" for value in row["input"].values()).strip("\n")


def _answer(row: Mapping[str, Any]) -> str:
    return next(iter(row["target"].values())) or ""


def _lost(text: str, twin: str) -> float:
    """Share of the pairs of neighbouring characters of `text` (on the match key) that `twin` does not hold."""
    ours, theirs = (Counter(map("".join, pairwise(match_key(one)))) for one in (text, twin))
    return (ours - theirs).total() / ours.total() if ours else 0.0


# Dedup is guarded by `distinguishing`; what that does not know, it cannot tell here either. So this counts by itself.
_TURNING = re.compile(
    r"[不没无未勿别否\d%‰〇零二两三四五六七八九十百千万亿]|[-+](?=\d)|(?P<nt>n['’]t\b|\b(?:do|does|did|is|was|wo|ca)nt\b|not\b)"
    r"|\bno\b|\bnever\b|\b(?:un|dis|non)(?=[a-z])|less\b"
)


def _turned(text: str) -> Counter[str]:
    return Counter("not" if found["nt"] else found.group() for found in _TURNING.finditer(text.casefold()))


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A threshold at which pairs differ in a few letters; beyond it, exact copies only."""
    dedup = used["dedup"]
    if dedup["method"] != "near" or float(dedup["threshold"]) >= HIGH_ENOUGH:
        return Remedy(
            title=Text(
                en="Remove exact copies only (`dedup.method: exact`)", zh="只去除完全重复（`dedup.method: exact`）"
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en=f"Copies from Jaccard {HIGH_ENOUGH:g} on", zh=f"Jaccard 达到 {HIGH_ENOUGH:g} 才算重复"),
        safety=Safety.AUTOMATIC,
        patch={"dedup.threshold": HIGH_ENOUGH},
        expectation=Text(en="rows that say something else stay", zh="意思不同的行得以保留"),
    )


ZH = Page(
    title="不同的数据被当作重复去掉",
    what_goes_wrong="把字面相似当成意思相同：“好”和“不好”、100 和 1000、同一件衬衫的两个尺码，大部分字符相同，"
    "其中一条就被去掉了。",
    why_it_hurts="去掉的恰是少见的那种情况：否定、另一个数字、另一件商品。模型因此不认识它；按这种办法清掉"
    "相似行的测试集，分数也会虚高。",
    how_it_is_detected="把去重阶段作为近似重复去掉的行（最多抽样 20,000 行）与其孪生行对照。标签、数字或否定词不"
    "同，或该行 15% 的相邻字符对不在孪生行中，或数字、符号、否定字词按字面计数（“不过”的“不”也算）不同，"
    "即为误删。报告删除的精确率；误删超过 5%，或有一条标签、数字或否定词不同，即为发现。",
    what_the_remedy_does="把近似重复的阈值提高到 0.8，此时两行只差几个字；已高于该值时，建议只去除完全重复。",
    not_detected="用词相同而语序不同、意思也不同的文本；读取数据之前由其他工具做的删除。",
    source="marin-community/marin issue 6852（没有报告精确率的删除）；data-juicer PR 1051；Lee 等，arXiv 2107.06499。",
)

PITFALL = Pitfall("near-copies-merged", "dedup", Settings(), detect, remedy, ZH, rank=4)
