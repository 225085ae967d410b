"""Conditions of the gate that stand on scores: the threshold, the baselines, the champion, slices, unjudged rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fittingroom.evaluating.deciding import (
    DIFFERENCE,
    NOTHING,
    P_LIMIT,
    above,
    by_chance,
    contestant,
    metric_name,
    more,
    span,
)
from fittingroom.evaluating.gate_config import GateConfig, SliceFloor
from fittingroom.evaluating.slices import slice_name
from fittingroom.types import Check, EvalReport, Interval, Score, Text, Verdict

UNSCORED_LIMIT = 0.01
"""Share of rows that may be left unjudged: above it, what was not measured could turn the verdict."""


def threshold(report: EvalReport, config: GateConfig) -> Check:
    """The metric against `at_least`."""
    limit, title, name = config.at_least, f"{config.metric} at_least", metric_name(config.metric)
    found = report.model.metrics.get(config.metric)
    if found is None:
        reason = Text(
            en=f"{name.en} was not measured on these rows: no row bears it",
            zh=f"这些数据上没有测得{name.zh}：没有一行适用",
        )
        return Check(name=title, verdict=Verdict.INCONCLUSIVE, measured={}, limit=limit, reason=reason)
    verdict = above(found, limit, config.decide)
    tail, shown = more(found, limit, report.rows, verdict), span(found)
    said = _REACHED[verdict]
    reason = Text(
        en=f"{name.en} {shown.en} {said.en} the threshold {limit:.3f}{tail.en}",
        zh=f"{name.zh} {shown.zh}{said.zh}门槛 {limit:.3f}{tail.zh}",
    )
    return Check(name=title, verdict=verdict, measured=_measured(found, report.rows), limit=limit, reason=reason)


_REACHED = {
    Verdict.PASS: Text(en="meets", zh="达到"),
    Verdict.FAIL: Text(en="misses", zh="未达到"),
    Verdict.INCONCLUSIVE: Text(en="cannot yet be told from", zh="尚不能确定是否达到"),
}


def beaten(name: str, baseline: Score | None, report: EvalReport, config: GateConfig) -> Check:
    """The paired difference to one baseline against `margin`; where the bound decides, the paired test must agree."""
    title, who = f"{config.metric} better_than {name}", contestant(name)
    if baseline is None or config.metric not in baseline.difference:
        reason = _not_scored(name, who, baseline)
        return Check(name=title, verdict=Verdict.INCONCLUSIVE, measured={}, limit=config.margin, reason=reason)
    found, limit = baseline.difference[config.metric], config.margin
    verdict = above(found, limit, config.decide, strictly=True)
    rows = _rows_of(name, report)
    tail = more(found, limit, rows, verdict, within=DIFFERENCE)
    measured = {"difference": found.value, "low": found.low, "high": found.high, "rows": float(rows)}
    if config.metric in baseline.p_values:
        measured["p"] = p = baseline.p_values[config.metric]
        if verdict is Verdict.PASS and p > P_LIMIT and config.decide == "bound":
            verdict, tail = Verdict.INCONCLUSIVE, by_chance(p, rows)
    if _same_answers(name, report):
        verdict = Verdict.FAIL
        tail = Text(en="; it says the same on every row", zh="；每一行的回答都相同")
    by = Text(en=f" by more than {limit:.3f}", zh=f"（超出 {limit:.3f} 以上）") if limit else NOTHING
    said = {
        Verdict.PASS: Text(en=f"beats {who.en}{by.en}", zh=f"优于{who.zh}{by.zh}"),
        Verdict.FAIL: Text(en=f"does not beat {who.en}{by.en}", zh=f"没有优于{who.zh}{by.zh}"),
        Verdict.INCONCLUSIVE: Text(en=f"may or may not beat {who.en}{by.en}", zh=f"是否优于{who.zh}{by.zh}尚不能确定"),
    }[verdict]
    reason = _difference(config.metric, said, found, tail)
    return Check(name=title, verdict=verdict, measured=measured, limit=limit, reason=reason)


def no_worse(report: EvalReport, config: GateConfig, margin: float) -> Check:
    """Non-inferiority: the paired difference to the former champion must not lie below -margin."""
    title, name, who = f"{config.metric} no_worse_than_champion", "champion", contestant("champion")
    facts: dict[str, Any] = report.facts.get("champion", {})
    if "release" in facts and facts["release"] is None:
        if facts.get("passed_over"):
            reason = _no_champion_named(facts["alias"], facts["passed_over"])
            return Check(name=title, verdict=Verdict.INCONCLUSIVE, measured={}, limit=-margin, reason=reason)
        reason = Text(
            en=f"a first release: nothing stands behind the alias {facts['alias']} yet that it could be worse than",
            zh=f"首次上线：别名 {facts['alias']} 还没有指向任何版本，没有可比较的现役模型",
        )
        return Check(name=title, verdict=Verdict.PASS, measured={}, limit=-margin, reason=reason)
    champion = next((score for score in report.baselines if score.name == name), None)
    if champion is None or config.metric not in champion.difference:
        reason = _not_scored(name, who, champion)
        return Check(name=title, verdict=Verdict.INCONCLUSIVE, measured={}, limit=-margin, reason=reason)
    found, rows = champion.difference[config.metric], _rows_of(name, report)
    verdict = above(found, -margin, config.decide)
    tail = more(found, -margin, rows, verdict, within=DIFFERENCE)
    by = Text(en=f"more than {margin:.3f} ", zh=f"（超过 {margin:.3f}）") if margin else NOTHING
    said = {
        Verdict.PASS: Text(en=f"is not {by.en}worse than {who.en}", zh=f"不比{who.zh}差{by.zh}"),
        Verdict.FAIL: Text(en=f"is {by.en}worse than {who.en}", zh=f"比{who.zh}差{by.zh}"),
        Verdict.INCONCLUSIVE: Text(
            en=f"may or may not be {by.en}worse than {who.en}", zh=f"是否比{who.zh}差{by.zh}尚不能确定"
        ),
    }[verdict]
    measured = {"difference": found.value, "low": found.low, "high": found.high, "rows": float(rows)}
    reason = _difference(config.metric, said, found, tail)
    return Check(name=title, verdict=verdict, measured=measured, limit=-margin, reason=reason)


def _no_champion_named(alias: str, passed_over: Sequence[int]) -> Text:
    """Why releases of this job are none to be compared with."""
    names = ", ".join(f"v{number}" for number in passed_over)
    return Text(
        en=f"releases of this job exist ({names}), but the alias {alias} points at none, so nobody can say whether "
        "this is worse: correct `deploy.alias`, or point the alias at the release that serves now (`fittingroom "
        "deploy`)",
        zh=f"此任务已有版本（{names}），但别名 {alias} 没有指向任何一个，无法判断是否更差：请更正 `deploy.alias`，"
        "或让别名指向正在服务的版本（`fittingroom deploy`）",
    )


def floors(report: EvalReport, config: GateConfig) -> Iterator[Check]:
    """Every slice of the kinds that have a floor; a kind without a slice on these rows leaves the gate open."""
    for by, floor in sorted(config.slices.items()):
        entries = [entry for entry in report.facts.get("slices", []) if entry["by"] == by]
        missing = [name for name in floor.only if name not in {entry["value"] for entry in entries}]
        for entry in entries:
            if not floor.only or entry["value"] in floor.only:
                yield _floor(entry, floor, config)
        told = {entry["value"] for entry in entries}
        for label in report.labels if by == "class" and entries else []:
            if label not in told and not floor.only:
                yield _empty(label, floor)
        if missing or not entries:
            names = ", ".join(missing)
            reason = Text(
                en=f"no rows in the slice {by} {names}".rstrip() + ": nothing can be said; take it out of gate.slices "
                "or add such rows",
                zh=f"切片 {slice_name(by, names).zh}".rstrip()
                + " 没有数据，无法判断：请从 gate.slices 中去掉，或补充这类数据",
            )
            yield Check(
                name=f"slices {by}", verdict=Verdict.INCONCLUSIVE, measured={}, limit=floor.at_least, reason=reason
            )


def _empty(label: str, floor: SliceFloor) -> Check:
    """A class without a row on this part: a small slice, of which nothing is known."""
    skipped = floor.when_small == "skip"
    reason = Text(
        en=f"class {label}: not one row here: "
        + ("it decides nothing" if skipped else f"rows of at least {floor.fewest} customers would be needed"),
        zh=f"类别 {label}：这里没有一行数据：" + ("不参与判定" if skipped else f"至少需要 {floor.fewest} 个客户的数据"),
    )
    verdict = Verdict.PASS if skipped else Verdict.INCONCLUSIVE
    return Check(
        name=f"slices class {label}", verdict=verdict, measured={"rows": 0.0}, limit=floor.at_least, reason=reason
    )


def _floor(entry: dict[str, Any], floor: SliceFloor, config: GateConfig) -> Check:
    found = Interval(value=entry[entry["metric"]], low=entry["low"], high=entry["high"])
    many, name = int(entry["groups"]), metric_name(entry["metric"])
    head, shown = f"{entry['by']} {entry['value']}", span(found)
    head_zh = slice_name(entry["by"], entry["value"]).zh
    title, limit = f"slices {head}", floor.at_least
    measured = {**_measured(found, int(entry["rows"])), "groups": float(many)}
    if many < floor.fewest and found.high >= limit:  # a slice that is surely below its floor is, however small it is
        skipped = floor.when_small == "skip"
        tail = Text(
            en="it decides nothing" if skipped else f"at least {floor.fewest - many} more would be needed",
            zh="不参与判定" if skipped else f"至少还需 {floor.fewest - many} 个",
        )
        reason = Text(
            en=f"{head}: {name.en} {shown.en}, on {many} customers or rows, fewer than {floor.fewest}: {tail.en}",
            zh=f"{head_zh}：{name.zh} {shown.zh}，只有 {many} 个客户或行，少于 {floor.fewest}：{tail.zh}",
        )
        verdict = Verdict.PASS if skipped else Verdict.INCONCLUSIVE
        return Check(name=title, verdict=verdict, measured=measured, limit=limit, reason=reason)
    verdict = above(found, limit, config.decide)
    tail, said = more(found, limit, int(entry["rows"]), verdict), _REACHED[verdict]
    reason = Text(
        en=f"{head}: {name.en} {shown.en} {said.en} the floor {limit:.3f}{tail.en}",
        zh=f"{head_zh}：{name.zh} {shown.zh}{said.zh}下限 {limit:.3f}{tail.zh}",
    )
    return Check(name=title, verdict=verdict, measured=measured, limit=limit, reason=reason)


def unscored(report: EvalReport) -> Iterator[Check]:
    """Too many rows (of rankings: questions, those that were not drawn included) that could not be judged."""
    questions: dict[str, int] | None = report.facts.get("questions") if not report.labels else None
    what = _QUESTIONS if questions is not None else _ROWS
    rows = report.rows + report.unscored + (questions or {}).get("passed_over", 0)
    share = report.unscored / rows
    if share <= UNSCORED_LIMIT:
        return
    lacking = report.unscored - int(UNSCORED_LIMIT * rows)
    reason = Text(
        en=f"{report.unscored} of {rows} {what.en} could not be judged ({share:.1%}); at most {UNSCORED_LIMIT:.0%} "
        f"may: {lacking} more of them must be made judgeable",
        zh=f"{rows} {what.zh}中有 {report.unscored} {what.zh}无法评判（{share:.1%}），最多允许 {UNSCORED_LIMIT:.0%}："
        f"其中至少还要有 {lacking} {what.zh}变得可评判",
    )
    if questions is not None:
        reason = Text(
            en=f"{reason.en} (a question needs a title that is right and one that is not: see "
            "task.recommend.relevant and strangers)",
            zh=f"{reason.zh}（每个问题既要有对的标题也要有不对的：见 task.recommend.relevant 与 strangers）",
        )
    measured = {"unscored": float(report.unscored), "share": share}
    yield Check(name="unscored", verdict=Verdict.INCONCLUSIVE, measured=measured, limit=UNSCORED_LIMIT, reason=reason)


_ROWS, _QUESTIONS = Text(en="rows", zh="行"), Text(en="questions", zh="个问题")


def _not_scored(name: str, who: Text, baseline: Score | None) -> Text:
    why, why_zh = (baseline.why("en"), baseline.why("zh")) if baseline is not None else ("", "")
    return Text(
        en=f"{who.en} was not scored, so nothing can be said"
        + (f": {why}" if why else f"; add `{name}` to evaluate.baselines"),
        zh=f"{who.zh}没有得到评分，无法比较"
        + (f"：{why_zh}" if why_zh else f"；请把 `{name}` 加入 evaluate.baselines"),
    )


def _difference(metric: str, said: Text, found: Interval, tail: Text) -> Text:
    name, shown = metric_name(metric), span(found, "+")
    return Text(
        en=f"{name.en} {said.en}: difference {shown.en}{tail.en}", zh=f"{name.zh}{said.zh}：差值 {shown.zh}{tail.zh}"
    )


def _measured(found: Interval, rows: int) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high, "rows": float(rows)}


def _same_answers(name: str, report: EvalReport) -> bool:
    """Whether a baseline says what we say on every row that it was asked: more of them would not part the two."""
    frame = report.predictions.frame()
    if not {name, "predicted"} <= set(frame.columns):
        return False
    both = frame.select("predicted", name).drop_nulls()
    return both.height > 0 and bool((both["predicted"] == both[name]).all())


def _rows_of(name: str, report: EvalReport) -> int:
    """How many rows the comparison stands on: the untuned model may have seen a sample only."""
    return int(report.facts.get("baseline_rows", {}).get(name, report.rows))
