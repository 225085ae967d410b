"""Copies of rows are still among the data.

What goes wrong
    One complaint sent by many customers, one template filled in a hundred times, one export loaded twice: the same
    wording stands in the data again and again.
Why it hurts
    The loss counts the copied topic many times over, so the model learns it by heart and neglects the rest; scores are
    dominated by what is repeated. Copies that fall on both sides of the split make the test measure memory.
How it is detected
    Among the rows that dedup kept, the share that is a copy of another kept row: the same label, the same numbers and
    negations, and at least 0.8 of their character 5-grams in common. Of more than 100,000 rows near copies are looked
    for in a sample of 20,000 in which copies meet; the share told is then a lower bound.
What the remedy does
    Sets dedup to remove near copies, at a threshold no higher than the one the copies were found with.
Not detected
    Free paraphrases and translations, and near copies of texts shorter than five characters.
Source
    Lee et al., Deduplicating Training Data Makes Language Models Better, arXiv 2107.06499.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.likeness import copies
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Rows, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    alike: float = Field(default=0.8, gt=0.2, le=1)
    """Share of character 5-grams that two texts have in common to be copies."""
    share: float = Field(default=0.03, gt=0, lt=1)
    """Share of the kept rows that may be copies of another one."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on copies among the kept rows; of n copies n - 1 are counted."""
    if rows.facts.get("moments"):
        return  # two customers who bought the same are no copies
    total = rows.kept.rows
    if not total:
        return
    found = copies(rows.kept, settings.alike)
    share = found.rows / total
    if share <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{found.rows:.0f} of {total} rows ({share:.1%}) are copies of another row that stayed",
            zh=f"{total} 行中有 {found.rows:.0f} 行（{share:.1%}）与另一条保留下来的数据重复",
        ),
        measured={"copies_share": share, "copies": float(round(found.rows))},
        limits={"copies_share": settings.share, "alike": settings.alike},
        examples=found.examples,
        strength=share / settings.share,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Near copies are removed, at the threshold they were found with."""
    dedup, alike = used["dedup"], max(0.5, finding.limits["alike"])
    patch: dict[str, Any] = {}
    if dedup["method"] != "near":
        patch["dedup.method"] = "near"
    if float(dedup["threshold"]) > alike:
        patch["dedup.threshold"] = alike
    if not patch:
        return None
    return Remedy(
        title=Text(
            en=f"Remove near copies (Jaccard {alike:g} or more)", zh=f"去除近似重复（Jaccard 不低于 {alike:g}）"
        ),
        safety=Safety.AUTOMATIC,
        patch=patch,
        expectation=Text(
            en=f"no copies are left: about {finding.measured['copies']:.0f} rows fewer",
            zh=f"不再有重复：大约减少 {finding.measured['copies']:.0f} 行",
        ),
    )


ZH = Page(
    title="数据中仍有重复",
    what_goes_wrong="同一投诉由许多顾客发出，同一模板填写上百次，同一份导出加载两遍：相同的话反复出现。",
    why_it_hurts="损失把重复的话题计算多次，模型背下它而忽视其余；分数由重复内容主导。"
    "重复落在划分的两边时，测试量的是记忆。",
    how_it_is_detected="去重后保留的数据里，与另一条保留数据重复的比例：标签相同、数字与否定词相同，"
    "且字符 5-gram 至少 0.8 相同。超过 10 万行时，近似重复在 2 万行的样本中查找（互为重复的行会一同入样），"
    "所报比例为下限。",
    what_the_remedy_does="让去重阶段去除近似重复，阈值不高于发现重复时所用的阈值。",
    not_detected="自由改写和翻译；短于五个字符的文本之间的近似重复。",
    source="Lee 等，Deduplicating Training Data Makes Language Models Better，arXiv 2107.06499。",
)

PITFALL = Pitfall("duplicates", "dedup", Settings(), detect, remedy, ZH, rank=4)
