"""Gate: whether the thresholds of the recipe, fixed before training, are met; in words, and honest about luck.

A score on a few hundred rows is an estimate. With `decide: bound` (the default) a condition passes only when the lower
end of its interval passes, fails only when the upper end fails, and is INCONCLUSIVE between the two: then more rows are
needed, not another training. With `decide: point` the measured values themselves decide, and luck is ignored.

One failed condition fails the gate; otherwise one undecided condition leaves it INCONCLUSIVE, which never deploys.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from fittingroom.statistics.intervals import rows_needed
from fittingroom.types import Check, EvalReport, Frozen, GateDecision, Interval, Score, Text, Verdict

VERSION = 1
LIBRARIES: tuple[str, ...] = ()
Metric = Literal["accuracy", "macro_f1", "macro_precision", "macro_recall"]
UNSCORED_LIMIT = 0.01
"""Share of rows that may be left unjudged: above it, what was not measured could turn the verdict."""
_MANY = 1_000_000

_NAMES = {
    "accuracy": ("accuracy", "准确率"),
    "macro_f1": ("macro F1", "宏平均 F1"),
    "macro_precision": ("macro precision", "宏平均精确率"),
    "macro_recall": ("macro recall", "宏平均召回率"),
}
_CONTESTANTS = {
    "majority": ("the most frequent answer", "最常见答案"),
    "tfidf": ("the TF-IDF model", "TF-IDF 模型"),
    "untuned": ("the untuned model", "未微调模型"),
    "api": ("the hosted model", "云端模型"),
}


class GateConfig(Frozen):
    """The section `gate` of a recipe."""

    metric: Metric = "macro_f1"
    """What is judged."""
    at_least: float = Field(default=0.8, ge=0, le=1)
    """The value that the metric must reach."""
    better_than: list[Literal["majority", "tfidf", "untuned", "api"]] = Field(default=["majority", "untuned"])
    """Baselines that must be beaten; each must stand in `evaluate.baselines`."""
    margin: float = Field(default=0.0, ge=0, lt=1)
    """By how much a baseline must be beaten."""
    decide: Literal["bound", "point"] = "bound"
    """bound: the 95 % interval decides, and may leave it open; point: the measured value decides."""

    @field_validator("better_than")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("the same baseline stands twice")
        return value

    @model_validator(mode="after")
    def _can_be_met(self) -> GateConfig:
        if self.decide == "bound" and self.at_least >= 1:
            raise ValueError("at_least: 1 can never be met with decide: bound, no lower bound reaches 1; ask for less")
        return self


def gate(report: EvalReport, *, gate: GateConfig) -> GateDecision:
    """Judge one part against the thresholds: a check per condition, and the verdict over all."""
    checks = [_threshold(report, gate)]
    baselines = {score.name: score for score in report.baselines}
    checks += [_beaten(name, baselines.get(name), report, gate) for name in gate.better_than]
    if report.unscored > UNSCORED_LIMIT * (report.rows + report.unscored):
        checks.append(_unscored(report))
    return GateDecision(part=report.part, verdict=overall(checks), checks=checks)


def overall(checks: list[Check]) -> Verdict:
    """FAIL over INCONCLUSIVE over PASS."""
    found = {check.verdict for check in checks}
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in found:
            return verdict
    return Verdict.PASS


def _threshold(report: EvalReport, config: GateConfig) -> Check:
    """The metric against `at_least`."""
    found, limit = report.model.metrics[config.metric], config.at_least
    if config.decide == "point":
        verdict = Verdict.PASS if found.value >= limit else Verdict.FAIL
    elif found.low >= limit:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if found.high < limit else Verdict.INCONCLUSIVE
    metric_en, metric_zh = _NAMES[config.metric]
    said = {
        Verdict.PASS: ("meets", "达到"),
        Verdict.FAIL: ("misses", "未达到"),
        Verdict.INCONCLUSIVE: ("cannot yet be told from", "尚不能确定是否达到"),
    }[verdict]
    more = _more_rows(found, limit, report.rows) if verdict is Verdict.INCONCLUSIVE else Text(en="", zh="")
    reason = Text(
        en=f"{metric_en} {_span(found)} {said[0]} the threshold {limit:.3f}{more.en}",
        zh=f"{metric_zh} {_span_zh(found)}{said[1]}门槛 {limit:.3f}{more.zh}",
    )
    measured = {"value": found.value, "low": found.low, "high": found.high, "rows": float(report.rows)}
    return Check(name=f"{config.metric} at_least", verdict=verdict, measured=measured, limit=limit, reason=reason)


def _beaten(name: str, baseline: Score | None, report: EvalReport, config: GateConfig) -> Check:
    """The paired difference to one baseline against `margin`."""
    title = f"{config.metric} better_than {name}"
    who_en, who_zh = _CONTESTANTS[name]
    if baseline is None or config.metric not in baseline.difference:
        why = baseline.error if baseline is not None else ""
        reason = Text(
            en=f"{who_en} was not scored, so nothing can be said"
            + (f": {why}" if why else f"; add `{name}` to evaluate.baselines"),
            zh=f"{who_zh}没有得到评分，无法比较" + (f"：{why}" if why else f"；请把 `{name}` 加入 evaluate.baselines"),
        )
        return Check(name=title, verdict=Verdict.INCONCLUSIVE, measured={}, limit=config.margin, reason=reason)
    found, limit = baseline.difference[config.metric], config.margin
    if config.decide == "point":
        verdict = Verdict.PASS if found.value > limit else Verdict.FAIL
    elif found.low > limit:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if found.high <= limit else Verdict.INCONCLUSIVE
    rows = _rows_of(name, report)
    more = _more_rows(found, limit, rows) if verdict is Verdict.INCONCLUSIVE else Text(en="", zh="")
    measured = {"difference": found.value, "low": found.low, "high": found.high, "rows": float(rows)}
    reason = _compared(verdict, found, config, Text(en=who_en, zh=who_zh), more)
    return Check(name=title, verdict=verdict, measured=measured, limit=limit, reason=reason)


def _compared(verdict: Verdict, found: Interval, config: GateConfig, who: Text, more: Text) -> Text:
    """How the model stands to a baseline, in words."""
    metric_en, metric_zh = _NAMES[config.metric]
    by_en = f" by more than {config.margin:.3f}" if config.margin else ""
    by_zh = f"（超出 {config.margin:.3f} 以上）" if config.margin else ""
    said_en, said_zh = {
        Verdict.PASS: (f"beats {who.en}{by_en}", f"优于{who.zh}{by_zh}"),
        Verdict.FAIL: (f"does not beat {who.en}{by_en}", f"没有优于{who.zh}{by_zh}"),
        Verdict.INCONCLUSIVE: (
            f"may or may not beat {who.en}{by_en}",
            f"是否优于{who.zh}{by_zh}尚不能确定",
        ),
    }[verdict]
    return Text(
        en=f"{metric_en} {said_en}: difference {_span(found, sign='+')}{more.en}",
        zh=f"{metric_zh}{said_zh}：差值 {_span_zh(found, sign='+')}{more.zh}",
    )


def _unscored(report: EvalReport) -> Check:
    rows = report.rows + report.unscored
    share = report.unscored / rows
    reason = Text(
        en=f"{report.unscored} of {rows} rows could not be judged ({share:.1%}); at most {UNSCORED_LIMIT:.0%} may",
        zh=f"{rows} 行中有 {report.unscored} 行无法评判（{share:.1%}），最多允许 {UNSCORED_LIMIT:.0%}",
    )
    measured = {"unscored": float(report.unscored), "share": share}
    return Check(name="unscored", verdict=Verdict.INCONCLUSIVE, measured=measured, limit=UNSCORED_LIMIT, reason=reason)


def _more_rows(found: Interval, limit: float, rows: int) -> Text:
    """How many rows would tell, if the value stays where it is."""
    above = found.value >= limit
    width = found.value - found.low if above else found.high - found.value
    needed = rows_needed(rows, width, abs(found.value - limit))
    if needed is None or needed > _MANY:
        return Text(
            en="; the value sits on the limit, more rows will hardly decide it: a better model or another limit will",
            zh="；测得的值正好在门槛上，增加数据很难得出结论：需要更好的模型或另一个门槛",
        )
    shown = _rounded(needed)
    way = ("pass", "通过") if above else ("fail", "不通过")
    return Text(
        en=f"; on {rows} rows luck is not excluded. If the value stays, about {shown} rows would decide ({way[0]})",
        zh=f"；仅有 {rows} 行，不能排除偶然。若测得的值不变，约需 {shown} 行才能得出结论（{way[1]}）",
    )


def _rows_of(name: str, report: EvalReport) -> int:
    """How many rows the comparison stands on: the untuned model may have seen a sample only."""
    return int(report.facts.get("baseline_rows", {}).get(name, report.rows))


def _rounded(rows: int) -> int:
    """Two digits are all that such an estimate is worth."""
    unit = int(10 ** max(len(str(rows)) - 2, 0))
    return -(-rows // unit) * unit


def _span(found: Interval, sign: str = "") -> str:
    return f"{found.value:{sign}.3f} (95 % interval {found.low:{sign}.3f} to {found.high:{sign}.3f})"


def _span_zh(found: Interval, sign: str = "") -> str:
    return f"{found.value:{sign}.3f}（95% 区间 {found.low:{sign}.3f} 至 {found.high:{sign}.3f}）"
