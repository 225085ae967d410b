"""The audit judged copies of what it had learnt.

What goes wrong
    Near copies, or rows of one customer, stand in different folds of the cross-validation: the model that judges a row
    has learnt its twin, label and all.
Why it hurts
    A wrong label that was given twice looks right both times. The audit believes itself better than it is and flags too
    little, and its accuracy decides whether it is followed.
How it is detected
    Among the training rows (at most 50,000) the share that has a near copy, by 0.8 of the character 5-grams and
    whatever the label, which shares neither cluster nor customer with it: folds are made of these, so nothing keeps the
    two together. More than 2 %.
What the remedy does
    Makes clusters wider (threshold down to 0.6), so that near copies stand in one fold and on one side of the split.
Not detected
    Free paraphrases and customers that the source does not name.
Source
    Northcutt, Jiang, Chuang, Confident Learning, arXiv 1911.00068 (probabilities must be out of sample); scikit-learn
    user guide, group k-fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import column, sample, shared, texts
from fittingroom.statistics.folds import components
from fittingroom.text.similarity import match_key, near_pairs
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Splits, Text

WIDE_CLUSTERS = 0.6
_MOST_ROWS = 50_000


class Settings(Frozen):
    """Limits."""

    alike: float = Field(default=0.8, gt=0.2, le=1)
    """Share of character 5-grams that two texts have in common to be copies."""
    share: float = Field(default=0.02, ge=0, lt=1)
    """Share of the rows that may have a copy in another fold: so much of the audit's accuracy may be memory."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on near copies that nothing keeps in one fold."""
    if not splits.facts.get("audited"):
        return
    train = sample(splits.train, _MOST_ROWS)
    ids = [name or "" for name in column(train, "id")]
    apart = components(column(train, "group"), column(train, "cluster"), ids=ids)
    pairs = near_pairs([match_key(text) for text in texts(train)], settings.alike)
    torn = sorted({place for one, other, _ in pairs if apart[one] != apart[other] for place in (one, other)})
    yield from shared(
        "torn_share", [ids[place] for place in torn], train.rows, settings.share,
        Text(
            en="{found} of {rows} audited rows ({share}) have a near copy that may stand in another fold",
            zh="{rows} 条受审数据中有 {found} 条（{share}）的近似重复可能落在另一折",
        ),
        more={"alike": settings.alike},
    )  # fmt: skip


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Clusters as wide as copies were found."""
    wide = min(WIDE_CLUSTERS, finding.measured["alike"])
    if float(used["dedup"]["cluster_threshold"]) <= wide:
        return None
    return Remedy(
        title=Text(en="Widen the clusters", zh="放宽聚簇"),
        safety=Safety.AUTOMATIC,
        patch={"dedup.cluster_threshold": wide},
        expectation=Text(
            en="near copies stand in one fold; the audit's accuracy falls", zh="近似重复同在一折；审计准确率回落"
        ),
    )


ZH = Page(
    title="审计评判了自己学过的内容",
    what_goes_wrong="近似重复或同一顾客的行落在交叉验证的不同折里：评判某行的模型已经学过它的孪生行，连标签一起。",
    why_it_hurts="被标错两次的标签，两次看上去都对。审计高估自己，标出的太少，而它的准确率又决定是否采信。",
    how_it_is_detected="在训练行（最多 50,000）中，与另一行近似重复（字符 5-gram 0.8 相同，不论标签）却既不同簇"
    "也不同顾客的行所占比例：折就是按簇和顾客划分的，没有什么能让两者在一起。超过 2%。",
    what_the_remedy_does="放宽聚簇（阈值降至 0.6），使近似重复同在一折、同在划分的一边。",
    not_detected="自由改写；数据源没有标明的顾客。",
    source="Northcutt、Jiang、Chuang，arXiv 1911.00068；scikit-learn 用户指南（分组 k 折）。",
)

PITFALL = Pitfall("torn-audit-folds", "audit", Settings(), detect, remedy, ZH, rank=9)
