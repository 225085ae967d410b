"""A rare class was taken for mistakes.

What goes wrong
    A linear model that has met a class a few dozen times gives it low probabilities. Its rows look like mistakes of a
    larger class, and the audit relabels or removes them.
Why it hurts
    The class that the shop can least do without shrinks further, and the test, which nobody mends, still asks for it.
How it is detected
    For every class with less than half the mean number of rows: the share of its rows that the audit changed or removed
    is above 0.12, on at least three rows, and these are more than twice as many rows as were changed in the mean of all
    classes (mistakes that are spread evenly put as many into a rare class as into others).
What the remedy does
    Halves what the audit may change in one class (`audit.max_share`), down to 0.05; then it advises that people look at
    these rows.
Not detected
    Rare kinds of case inside a large class.
Source
    Northcutt, Jiang, Chuang, arXiv 1911.00068, section 5 (thresholds per class); D'souza et al., A Tale of Two Long
    Tails, arXiv 2107.13098 (rare is not wrong).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text

LEAST_SHARE = 0.05


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.12, gt=0, lt=1)
    """Share of a rare class that may be changed; with 8 % of wrong labels a class loses about that."""
    times: float = Field(default=2.0, gt=1)
    """How many times the mean number of changed rows of a class it must be: mistakes that are spread evenly put as
    many wrong rows into a rare class as into others."""
    rare: float = Field(default=0.5, gt=0, le=1)
    """A class of fewer rows than this share of the mean is rare."""
    least: int = Field(default=3, ge=1)
    """Rows that must have been changed."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the rare class that lost most."""
    classes: Mapping[str, Mapping[str, int]] = splits.facts.get("by_class") or {}
    rows = sum(one["rows"] for one in classes.values())
    touched = {name: one["relabelled"] + one["removed"] for name, one in classes.items()}
    if not rows or not sum(touched.values()):
        return
    usual = sum(touched.values()) / rows
    shares = {name: touched[name] / one["rows"] for name, one in classes.items() if one["rows"]}
    hit = [
        name
        for name, share in shares.items()
        if classes[name]["rows"] < settings.rare * rows / len(classes)
        and touched[name] >= settings.least
        and share > settings.share
        and touched[name] > settings.times * sum(touched.values()) / len(classes)
    ]
    if not hit:
        return
    worst = max(sorted(hit), key=lambda name: shares[name])
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"the audit changed {touched[worst]} of {classes[worst]['rows']} rows of the rare class "
            f"`{worst}` "
            f"({shares[worst]:.0%}; {usual:.1%} of all rows)",
            zh=f"审计改动了少见类别 `{worst}` 的 {classes[worst]['rows']} 行中的 {touched[worst]} 行"
            f"（{shares[worst]:.0%}；总体为 {usual:.1%}）",
        ),
        measured={"changed_share": shares[worst], "usual_share": usual, "rare_classes": float(len(hit))},
        limits={"changed_share": settings.share},
        strength=shares[worst] / settings.share,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """Less may be changed in one class; then people look."""
    now = float(used["audit"]["max_share"])
    if used["audit"]["mode"] != "mend" or now <= LEAST_SHARE:
        return Remedy(
            title=Text(
                en="Have people look at the rows of this class (`fittingroom review`)",
                zh="请人工查看该类别的数据（`fittingroom review`）",
            ),
            safety=Safety.ADVICE,
        )
    share = round(max(LEAST_SHARE, now / 2), 4)
    return Remedy(
        title=Text(en=f"Change at most {share:.0%} of a class", zh=f"每类最多改动 {share:.0%}"),
        safety=Safety.AUTOMATIC,
        patch={"audit.max_share": share},
        expectation=Text(
            en="the rare class keeps its rows; its recall on dev rises", zh="少见类别保住数据；开发集召回率上升"
        ),
    )


ZH = Page(
    title="少见类别被当成标错",
    what_goes_wrong="线性模型只见过几十次的类别，给出的概率很低。它的行看起来像是更大类别的错标，于是被审计改"
    "标或去掉。",
    why_it_hurts="店里最少不得的类别进一步缩小，而没有人修正的测试集照样考它。",
    how_it_is_detected="对行数不足平均一半的每个类别：被审计改动或去掉的比例超过 0.12，至少三行，且行数超过各类"
    "平均改动行数的两倍（均匀分布的错标落入少见类别的数目与其他类别相同）。",
    what_the_remedy_does="把审计对单个类别的改动上限（`audit.max_share`）减半，最低 0.05；之后建议人工查看这些行。",
    not_detected="大类别内部的少见情形。",
    source="Northcutt、Jiang、Chuang，arXiv 1911.00068 第 5 节；D'souza 等，arXiv 2107.13098。",
)

PITFALL = Pitfall("rare-class-flagged-as-noise", "audit", Settings(), detect, remedy, ZH, rank=8)
