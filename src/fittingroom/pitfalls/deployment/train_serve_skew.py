"""What is served is not what was trained on.

What goes wrong
    A rule of cleaning changes a text each time it is applied, or rows were prepared by other means than the service
    prepares what it is asked: another version, another key, another tool.
Why it hurts
    The model meets texts in service that it never met in training, and no score shows it, for dev and test were
    prepared like train.
How it is detected
    Up to 500 rows of dev go through the preparation of the bundle, with the code of the service. They were prepared
    already, so none should change: more than 1 % do.
What the remedy does
    Advises to mend the rule that is not at rest after one application (a replacement that its own pattern matches
    again).
Not detected
    Callers who send other fields or other texts than the shop's records (drift shows them, see `monitor`).
Source
    Sculley et al., Hidden Technical Debt in Machine Learning Systems, NIPS 2015; Zinkevich, Rules of Machine Learning,
    rules 29 to 37 (training-serving skew).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Bundle, Finding, Frozen, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    share: float = Field(default=0.01, ge=0, lt=1)
    """Share of the prepared rows that may change when they are prepared as in service."""


def detect(bundle: Bundle, settings: Settings) -> Iterator[Finding]:
    """Fires on rows that serving would change once more."""
    replay = bundle.facts.get("replay") or {"rows": 0, "changed": 0}
    rows, changed = int(replay["rows"]), int(replay["changed"])
    if not rows or changed / rows <= settings.share:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{changed} of {rows} prepared rows ({changed / rows:.1%}) change when they are prepared as in service",
            zh=f"{rows} 条已处理的数据中有 {changed} 条（{changed / rows:.1%}）在按服务方式再处理时发生变化",
        ),
        measured={"changed_share": changed / rows},
        limits={"changed_share": settings.share},
        strength=changed / rows / max(settings.share, 1e-3),
    )


remedy = advice(
    "Mend the rule of `prepare.clean.rules` or `prepare.redact.patterns` whose result it changes again",
    "修正 `prepare.clean.rules` 或 `prepare.redact.patterns` 中会再次改变自身结果的规则",
)


ZH = Page(
    title="上线时的文本与训练时不同",
    what_goes_wrong="某条清洗规则每应用一次就改一次文本；或数据由别的方式处理，与服务处理请求的方式不同：版本、"
    "密钥或工具不同。",
    why_it_hurts="模型上线后遇到训练时从未见过的文本，而任何分数都看不出来，因为开发集和测试集与训练集处理方式相同。",
    how_it_is_detected="取开发集最多 500 行，用服务的代码按模型包的设置再处理一次。它们已处理过，本不应改变：超"
    "过 1% 改变即为发现。",
    what_the_remedy_does="建议修正应用一次后仍不稳定的规则（替换结果又被自己的模式匹配）。",
    not_detected="调用方发来的字段或文本与店铺记录不同（由漂移监控发现，见 `monitor`）。",
    source="Sculley 等，NIPS 2015；Zinkevich，Rules of Machine Learning，第 29 至 37 条。",
)

PITFALL = Pitfall("train-serve-skew", "package", Settings(), detect, remedy, ZH, rank=30)
