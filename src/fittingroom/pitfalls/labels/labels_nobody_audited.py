"""Labels that nobody audited are wrong.

What goes wrong
    The audit was switched off, perhaps because its list had grown too long to read, and many labels do not say what
    their texts say.
Why it hurts
    The training learns the errors, and as nothing looked at the labels, nothing says so: the run looks like one that
    overfits, or whose model is too small.
How it is detected
    Where the gate said no and the audit had been off, it is made up for, without changing a row. Fires where it is to
    be believed and counts more probably wrong training labels than 0.05 and what so few rows leave to chance (two
    standard errors).
What the remedy does
    Lets the audit mend the training part, of a class up to what is estimated to be wrong, at most 0.4.
Not detected
    What the audit cannot see: see `label-noise`. Where training labels are so much worse than those of dev that its
    model looks poor: see `noisier-training-labels`.
Source
    Northcutt, Jiang, Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021, arXiv 1911.00068.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.labels.label_noise import beyond_chance, share_to_mend
from fittingroom.types import Examination, Expected, Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the training labels that may be wrong."""


def detect(examined: Examination, settings: Settings) -> Iterator[Finding]:
    """Fires on many wrong labels that the road had not looked at."""
    labels, rows = examined.labels, examined.rows.get("train", 0)
    if labels.get("audited", 1.0) or not labels.get("trusted", 0.0) or not rows:
        return
    share = labels.get("estimated_noise", 0.0)
    if share <= beyond_chance(settings.share, rows):
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"about {share:.1%} of the training labels are probably wrong, and the audit that would have said so "
            "was off",
            zh=f"约 {share:.1%} 的训练标签可能是错的，而本可指出这一点的审计被关闭了",
        ),
        measured={"wrong_share": share},
        limits={"wrong_share": settings.share},
        strength=share / max(settings.share, 1e-3),
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """The audit mends, of a class as many labels as are estimated to be wrong."""
    if used["audit"]["mode"] != "off":
        return None
    raised = share_to_mend(float(used["audit"]["max_share"]), finding.measured["wrong_share"])
    return Remedy(
        title=Text(en="Switch the audit on and let it mend the training part", zh="打开审计，并让它修正训练部分的标签"),
        safety=Safety.AUTOMATIC,
        patch={"audit.mode": "mend", **raised},
        expected=Expected(change=0.02),
    )


ZH = Page(
    title="未经审计的标签有错",
    what_goes_wrong="审计被关闭（也许因为清单长到没人看），而许多标签与文本不符。",
    why_it_hurts="训练把错误学了进去；标签没有任何检查，也就没有任何提示：这次运行看起来像过拟合，或像模型太小。",
    how_it_is_detected="门禁未通过而审计此前关闭时，补做一次审计，不改动任何数据。审计可信，"
    "且估计错误的训练标签超过 0.05 和行数本身的偶然（两个标准误）时触发。",
    what_the_remedy_does="让审计修正训练部分；每类最多改到估计的错误比例，上限 0.4。",
    not_detected="审计看不到的错误，见 `label-noise`。训练标签比开发集差得多、以致审计模型显得很差时，"
    "见 `noisier-training-labels`。",
    source="Northcutt、Jiang、Chuang，JAIR 2021，arXiv 1911.00068。",
)

PITFALL = Pitfall("labels-nobody-audited", "examine", Settings(), detect, remedy, ZH, rank=9)
