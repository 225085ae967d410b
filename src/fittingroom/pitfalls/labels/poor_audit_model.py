"""The model that audits labels is poor.

What goes wrong
    The linear model that looks for wrong labels is itself hardly right: too few rows, too many classes, or labels that
    characters do not tell.
Why it hurts
    What it flags would be mostly right labels: a model at 67 % accuracy flags three right rows for one that is wrong.
    So nothing is flagged and nobody knows how many labels are wrong.
How it is detected
    The audit ran, and its out-of-fold accuracy or its skill over the largest class is below what it needs to be
    followed, or its optimiser did not converge.
What the remedy does
    Advises to add rows, unite classes, or have people check a sample of the labels.
Not detected
    A model that is good on the common classes and poor on one (see `rare-class-flagged-as-noise`).
Source
    Measured on shop reviews in ten categories: at 0.90 accuracy 76 % of the flags are right, with an unconverged model
    of 0.67 29 %; Northcutt, Jiang, Chuang, arXiv 1911.00068.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text


class Settings(Frozen):
    """Limits."""

    trusted: int = Field(default=1, ge=0, le=1)
    """1 when the audit must be one that can be followed; 0 lets a poor one pass."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on an audit that ran and cannot be followed."""
    facts = splits.facts
    if not facts.get("audited") or int(facts["trusted"]) >= settings.trusted:
        return
    accuracy, chance = float(facts["model_accuracy"]), float(facts["chance"])
    ended_en = "" if facts["converged"] else "; its optimiser did not converge"
    ended_zh = "" if facts["converged"] else "；优化没有收敛"
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the auditing model is right on {accuracy:.0%} of unseen rows ({chance:.0%} by the largest "
            f"class){ended_en}: "
            "wrong labels were not looked for",
            zh=f"审计模型在未见数据上答对 {accuracy:.0%}（最大类别占 {chance:.0%}）{ended_zh}：没有查找错标",
        ),
        measured={"trusted": 0.0, "accuracy": accuracy, "chance": chance},
        limits={"trusted": float(settings.trusted)},
        strength=max(1.0, chance / max(accuracy, 1e-3)),
    )


remedy = advice(
    "Add rows, unite classes that are alike (`task.aliases`), or have people check a sample of the labels",
    "补充数据、合并相近的类别（`task.aliases`），或请人抽查标签",
)


ZH = Page(
    title="审计标签的模型太差",
    what_goes_wrong="查找错标的线性模型自己就不太对：数据太少、类别太多，或从字符看不出标签。",
    why_it_hurts="它标出的多半是对的标签：准确率 67% 的模型，每标出一个错的就冤枉三个对的。因此什么都没标"
    "出，也没人知道有多少错标。",
    how_it_is_detected="审计运行了，但折外准确率或相对最大类别的技能低于可采信的水平，或优化没有收敛。",
    what_the_remedy_does="建议补充数据、合并类别，或请人抽查标签。",
    not_detected="在常见类别上好、在某个类别上差的模型（见 `rare-class-flagged-as-noise`）。",
    source="在十类店铺评论上实测：准确率 0.90 时标出的 76% 正确，未收敛的 0.67 模型只有 29%；Northcu"
    "tt、Jiang、Chuang，arXiv 1911.00068。",
)

PITFALL = Pitfall("poor-audit-model", "audit", Settings(), detect, remedy, ZH, rank=8)
