"""A few rows are repeated many times.

What goes wrong
    A rare class was filled up to the size of the common ones: each of its few rows stands in training again and again.
Why it hurts
    Twenty copies of a row teach that row by heart, with its typing errors and its customer. Recall on dev does not
    rise, confidence does.
How it is detected
    How often the most repeated row stands in the training part (copies are told by the number behind their id): more
    than ten times.
What the remedy does
    Lowers the cap on repetitions (`balance.max_factor`) to 5; where that is done it advises weights or new rows.
Not detected
    Repetitions that a source brought with other ids (dedup takes them out).
Source
    Chawla et al., SMOTE, JAIR 2002 (replication makes decision regions narrower); Hernandez et al., Scaling Laws and
    Interpretability of Learning from Repeated Data, arXiv 2205.10487.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fittingroom.pitfalls.rows import MOST_EXAMPLES, column
from fittingroom.types import Finding, Frozen, Page, Pitfall, Remedy, Safety, Severity, Splits, Text

CAP = 5.0


class Settings(Frozen):
    """Limits."""

    times: int = Field(default=10, ge=2)
    """How often one row may stand in the training part."""


def detect(splits: Splits, settings: Settings) -> Iterator[Finding]:
    """Fires on the row that stands most often."""
    times = Counter((name or "").partition("~")[0] for name in column(splits.train, "id"))
    most = max(times.values(), default=0)
    if most <= settings.times:
        return
    often = sorted(name for name, count in times.items() if count > settings.times)
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{len(often)} rows stand in training more than {settings.times} times each, the most {most} times",
            zh=f"{len(often)} 行各在训练中出现超过 {settings.times} 次，最多 {most} 次",
        ),
        measured={"times": float(most), "rows": float(len(often))},
        limits={"times": float(settings.times)},
        examples=tuple(often[:MOST_EXAMPLES]),
        strength=most / settings.times,
    )


def remedy(finding: Finding, used: Mapping[str, Any]) -> Remedy | None:
    """A lower cap; then weights or new rows."""
    if float(used["balance"]["max_factor"]) <= CAP:
        return Remedy(
            title=Text(
                en="Weigh classes instead (`balance.method: weights`), or collect rows of the rare ones",
                zh="改用类别权重（`balance.method: weights`），或补充少见类别的数据",
            ),
            safety=Safety.ADVICE,
        )
    return Remedy(
        title=Text(en=f"Repeat no row more than {CAP:.0f} times", zh=f"任何一行最多重复 {CAP:.0f} 次"),
        safety=Safety.AUTOMATIC,
        patch={"balance.max_factor": CAP},
        expectation=Text(en="confidence on dev falls to what is right", zh="开发集上的自信回落到应有水平"),
    )


ZH = Page(
    title="少数数据被重复很多遍",
    what_goes_wrong="把少见类别补到与常见类别一样多：它仅有的几行在训练中一遍遍出现。",
    why_it_hurts="一行重复二十遍，学到的就是背下这一行，连同它的错字和那位顾客。开发集召回率不涨，涨的是自信。",
    how_it_is_detected="训练部分中重复最多的一行出现的次数（副本由 id 后的序号辨认）：超过十次。",
    what_the_remedy_does="把重复上限（`balance.max_factor`）降到 5；已是如此则建议用权重或补充新数据。",
    not_detected="数据源以别的 id 带来的重复（由去重处理）。",
    source="Chawla 等，SMOTE，JAIR 2002；Hernandez 等，arXiv 2205.10487。",
)

PITFALL = Pitfall("repeated-rows", "balance", Settings(), detect, remedy, ZH, rank=15)
