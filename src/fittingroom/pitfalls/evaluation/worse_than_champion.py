"""The champion is better.

What goes wrong
    A new model is trained on fewer, other or older rows than the one that is deployed, or in a shorter training, and is
    no match for it.
Why it hurts
    The release would be a step back for every customer, however good the model looks beside simple baselines.
How it is detected
    The gate's condition on the former champion failed: the interval of the paired difference, on the same rows, lies
    below what was allowed.
What the remedy does
    Names no change of a training: what else was found says why the model falls short. Where nothing else was, advises
    to leave the alias where it is, and to train on all the rows that the champion was trained on beside the new ones.
Not detected
    A champion that was never compared (`evaluate.baselines`), or that is better on rows that are not judged.
Source
    Practice of champion and challenger; Card et al., arXiv 2010.06595 (paired comparisons).
"""

from __future__ import annotations

from collections.abc import Iterator

from fittingroom.pitfalls.refusal import AFTER, Refused
from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity

_CONDITIONS = (" no_worse_than_champion", " better_than champion")


class Settings(Frozen):
    """The limit is the gate's own."""


def detect(refused: Refused, settings: Settings) -> Iterator[Finding]:
    """Fires on a failed comparison with the champion."""
    for check in (one for name in _CONDITIONS for one in refused.failed(name)):
        behind = check.limit - check.measured["difference"]
        yield Finding(
            severity=Severity.WARN,
            summary=check.reason,
            measured={**check.measured, "behind": behind},
            limits={"difference": check.limit},
            strength=1 + max(0.0, behind),
        )


remedy = advice(
    "Leave the alias on the champion, and train on the rows that it was trained on beside the new ones",
    "别名请继续指向现役模型，并用它当初的训练数据加上新数据一起训练",
)


ZH = Page(
    title="现役模型更好",
    what_goes_wrong="新模型用的数据比已上线的更少、不同或更旧，或训练得更短，因而比不上它。",
    why_it_hurts="这次上线对每位顾客都是倒退，哪怕与简单基线相比显得不错。",
    how_it_is_detected="门禁中与现役模型比较的条件未通过：同一批数据上配对差值的区间低于允许的范围。",
    what_the_remedy_does="不提出训练上的改动：模型为何不足，要看其他诊断结果。若没有其他结果，建议保持别名不动，"
    "并用现役模型当初的训练数据加上新数据一起训练。",
    not_detected="从未比较过的现役模型（`evaluate.baselines`），或只在未评测的数据上更好的现役模型。",
    source="擂主与挑战者的惯例；Card 等，arXiv 2010.06595（配对比较）。",
)

PITFALL = Pitfall("worse-than-champion", AFTER, Settings(), detect, remedy, ZH, rank=61)
