"""Rows that a machine labelled stand among those that models are judged on.

What goes wrong
    Rules or a hosted model labelled rows of which nobody spoke, and the split deals them to dev and test like all
    others.
Why it hurts
    The score then says how well the model repeats that machine, its mistakes included, and not what a person would say.
    A model that is better than its labeller looks worse, and a hosted contestant is judged by its own words.
How it is detected
    Rows of dev or test whose label is a rule's or an endpoint's alone (the edits "weak label" and "endpoint label"):
    more than a tenth of the part.
What the remedy does
    Advises to label the rows of dev and test by hand (`review`), where people's word stands above all.
Not detected
    Labels that a machine gave before they came here.
Source
    Ratner et al., Snorkel, arXiv 1711.10160 (weak labels train, a labelled set judges).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Severity, Splits, Text

MACHINES = ("weak label", "endpoint label")
JUDGED = ("dev", "test")


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.1, gt=0, le=1)
    """Share of a judged part that machines may have labelled."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the part with the largest share."""
    shares: dict[str, tuple[float, int, int]] = {}
    for name in JUDGED:
        made = rows = 0
        for batch in splits.parts()[name].batches():
            rules = [{one["rule"] for one in found or []} for found in batch.column("edits").to_pylist()]
            made += sum(any(machine in found for machine in MACHINES) for found in rules)
            rows += len(rules)
        if rows:
            shares[name] = (made / rows, made, rows)
    worst = max(sorted(shares), key=lambda name: shares[name][0], default="")
    if not worst or shares[worst][0] <= settings.share:
        return
    share, made, rows = shares[worst]
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{made} of {rows} rows of {worst} carry a label that rules or a hosted model gave, and nobody else",
            zh=f"{worst} 的 {rows} 行中有 {made} 行只有规则或云端模型给的标签",
        ),
        measured={"share": share, "rows": float(made)},
        limits={"share": settings.share},
        strength=share / settings.share,
    )


remedy = advice(
    "Label the rows of dev and test by hand: `fittingroom review`",
    "请人工标注开发集与测试集的行：`fittingroom review`",
)


ZH = Page(
    title="用机器标注的行来评判",
    what_goes_wrong="规则或云端模型给无人标注的行打了标签，划分时它们与其他行一样进入开发集与测试集。",
    why_it_hurts="分数于是表示模型多会重复那台机器（包括它的错误），而不是人会怎么说。比标注者更好的模型反而显得差；云端对手则是用自己的话评判自己。",
    how_it_is_detected="开发集或测试集中，标签只来自规则或接口（编辑记录 weak label、endpoint label）的行过十分之一。",
    what_the_remedy_does="建议人工标注开发集与测试集（`review`）：人的决定高于一切。",
    not_detected="来到这里之前就由机器给出的标签。",
    source="Ratner 等，Snorkel，arXiv 1711.10160（弱标签用于训练，评判要用人工标注）。",
)

PITFALL = Pitfall("judged-by-machine-labels", "split", Settings(), detect, remedy, ZH, rank=7)
