"""The sections about scores: who wins, the gate, where the model errs, how far its confidence can be trusted."""

from __future__ import annotations

from typing import Any

from fittingroom.evaluating.slices import value_name
from fittingroom.report.charts import Bar, bars, heat, reliability
from fittingroom.report.data import ReportData
from fittingroom.report.html import Child, Html, details, join, number, table, tag
from fittingroom.report.words import Say
from fittingroom.types import EvalReport, GateDecision, Interval, Score, Verdict

_METRICS = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
_WASH = {"PASS": "good", "passed": "good", "FAIL": "bad", "failed": "bad", "error": "bad", "block": "bad"}
_MOST_CELLS = 16
_WORST_PAIRS = 12


def badge(key: str, say: Say) -> Html:
    """A verdict, a status or a severity as a coloured word."""
    calm = {"running", "info"}
    return tag("span", say(key), class_=f"badge {_WASH.get(key, 'calm' if key in calm else 'open')}")


def primary(data: ReportData) -> str:
    """The metric that the gate judges."""
    decision = data.last_decision()
    judged = data.last_judged()
    known = list(judged.model.metrics) if judged is not None else list(_METRICS)
    first = decision.checks[0].name.split()[0] if decision and decision.checks else "macro_f1"
    return first if first in known else next((name for name in ("macro_f1", *known) if name in known), "macro_f1")


def who_wins(report: EvalReport, metric: str, say: Say, language: str) -> Html:
    """One plain sentence per baseline: who is better, and whether that may be luck."""
    return join(*(_verdict_on(score, report, metric, say, language) for score in report.baselines))


def _verdict_on(score: Score, report: EvalReport, metric: str, say: Say, language: str) -> Html:
    name, measure, chinese = say(score.name), say(metric), language.startswith("zh")
    why = score.why(language)
    found = score.difference.get(metric)
    if found is None:
        lead = f"{name}：{say('not_scored')}" if chinese else f"{name}: {say('not_scored')}"
        return tag("p", lead, f"（{why}）" if chinese else f" ({why})", class_="notice")
    span = _span(found, signed=True)
    ours, theirs = f"{found.value + score.metrics[metric].value:.3f}", f"{score.metrics[metric].value:.3f}"
    if found.low > 0:
        kind = "won"
        said = (
            f"本模型优于{name}：{measure} {ours} 对 {theirs}，差值 {span}。"
            if chinese
            else f"Our model beats the {name}: {measure} {ours} against {theirs}, difference {span}."
        )
    elif found.high < 0:
        kind = "lost"
        said = (
            f"{name}更好：{measure} {theirs}，本模型只有 {ours}，差值 {span}。"
            if chinese
            else f"The {name} wins: {measure} {theirs} against our {ours}, difference {span}."
        )
        said += _ADVICE.get(score.name, ("", ""))[chinese]
    else:
        kind = ""
        said = (
            f"无法区分本模型与{name}：{measure} {ours} 对 {theirs}，差值 {span}，可能只是偶然。"
            if chinese
            else f"Our model and the {name} cannot be told apart: {measure} {ours} against {theirs}, "
            f"difference {span}; it may be luck."
        )
    rows = int(report.facts.get("baseline_rows", {}).get(score.name, report.rows))
    if rows < report.rows:
        said += f"（仅在抽取的 {rows} 行上比较）" if chinese else f" (Compared on a sample of {rows} rows.)"
    return tag("p", said, class_=f"notice {kind}".strip())


_ADVICE = {
    "tfidf": (
        " It trains in seconds and needs no language model: as things stand, it is the better choice for this task.",
        "它几秒即可训练完成，也不需要语言模型：就目前而言，它是这项任务更好的选择。",
    ),
    "majority": (" What was trained is worse than not reading the text at all.", "训练出的模型还不如完全不读文本。"),
    "untuned": (" Tuning has done harm.", "微调反而有害。"),
}


def scores(report: EvalReport, decision: GateDecision | None, metric: str, say: Say, language: str) -> Html:
    """The chart and the table of all contestants on one part."""
    contestants, metrics = [report.model, *report.baselines], list(report.model.metrics)
    drawn = [
        Bar(say(score.name), found.value, found.low, found.high, ours=score is report.model)
        for score in contestants
        if (found := score.metrics.get(metric)) is not None
    ]
    limit = (
        next((check.limit for check in decision.checks if check.name.endswith("at_least")), None) if decision else None
    )
    head: list[Child] = [say("contestant"), *(say(name) for name in metrics), f"{say('difference')} ({say(metric)})"]
    rows: list[list[Child]] = []
    for score in contestants:
        if not score.metrics:
            rows.append(
                [say(score.name), tag("td", f"{say('not_scored')}: {score.why(language)}", colspan=len(metrics) + 1)]
            )
            continue
        name: Child = tag("b", say(score.name)) if score is report.model else say(score.name)
        cells = [_with_span(score.metrics[one]) if one in score.metrics else tag("td", "–") for one in metrics]
        gap = score.difference.get(metric)
        rows.append([name, *cells, _with_span(gap, signed=True, p=score.p_values.get(metric)) if gap else ""])
    limit_name = f"{say('threshold')} {number(limit)}" if limit is not None else ""
    title = f"{say(metric)} · {say(report.part)} · {say('rows')} {report.rows} · {say('interval')}"
    return join(
        who_wins(report, metric, say, language),
        bars(drawn, title=title, limit=limit, limit_name=limit_name),
        table(head, rows),
    )


def gate(decision: GateDecision, say: Say, language: str) -> Html:
    """The verdict and every condition with its reason."""
    rows: list[list[Child]] = [
        [badge(check.verdict.value, say), check.reason.say(language), tag("code", check.name)]
        for check in decision.checks
    ]
    wash = {Verdict.PASS: "won", Verdict.FAIL: "lost"}.get(decision.verdict, "")
    return join(
        tag("p", tag("b", say(decision.verdict.value)), f" · {say(decision.part)}", class_=f"notice {wash}".strip()),
        table([say("verdict"), say("reason"), say("condition")], rows),
    )


def errors(report: EvalReport, say: Say) -> Html:
    """Confusion matrix (numbers, or a picture when there are many classes), the worst pairs, scores by class."""
    labels, matrix = report.labels, report.confusion
    if not labels:  # free answers: there is nothing to confuse
        return Html("")
    parts: list[Child] = []
    if len(labels) <= _MOST_CELLS:
        parts += [tag("p", say("confusion"), class_="soft"), _matrix(labels, matrix)]
    else:
        parts.append(heat(matrix, title=say("confusion")))
    pairs = sorted(
        ((matrix[i][j], a, b) for i, a in enumerate(labels) for j, b in enumerate(labels) if i != j and matrix[i][j]),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    if len(labels) > 4 and pairs:
        worst: list[list[Child]] = [[f"{true} → {said}", float(count)] for count, true, said in pairs[:_WORST_PAIRS]]
        parts.append(table([f"{say('class')} → {say('model')}", say("rows")], worst))
    columns = ("precision", "recall", "f1", "support")
    by_class: list[list[Child]] = [
        [label, *(values.get(column, 0.0) for column in columns)]
        for label, values in sorted(report.model.per_class.items(), key=lambda item: (item[1].get("f1", 0.0), item[0]))
    ]
    parts.append(
        details(say("per_class"), table([say("class"), *(say(column) for column in columns)], by_class), opened=True)
        if len(labels) <= _MOST_CELLS
        else details(say("per_class"), table([say("class"), *(say(column) for column in columns)], by_class))
    )
    return join(*parts)


def _matrix(labels: list[str], matrix: list[list[int]]) -> Html:
    rows: list[list[Child]] = []
    for i, label in enumerate(labels):
        total = max(sum(matrix[i]), 1)
        cells: list[Child] = [label]
        for j, count in enumerate(matrix[i]):
            colour = "var(--c3)" if i == j else "var(--bad)"
            wash = f"background:color-mix(in srgb, {colour} {round(70 * count / total)}%, transparent)"
            cells.append(tag("td", str(count), class_="cell", style=wash if count else None))
        rows.append(cells)
    return table(["", *labels], rows)


def trust(report: EvalReport, say: Say, language: str) -> Html:
    """Calibration: the diagram and its figures."""
    found: dict[str, Any] = report.facts.get("calibration", {})
    if not found.get("bins"):
        return Html("")
    shown = f"ECE {found['ece']:.3f} · Brier {found['brier']:.3f} · log loss {found['log_loss']:.3f}"
    explained = (
        "ECE 是置信度与正确率之间的平均差距，0 为最佳。点在对角线下方表示模型过于自信。"
        if language.startswith("zh")
        else "ECE is the mean gap between confidence and accuracy, 0 is best. A dot below the line: too sure."
    )
    return join(
        reliability(found["bins"], title=say("trust"), across_name=say("confidence"), up_name=say("accuracy")),
        tag("p", shown, tag("br"), explained, class_="soft"),
    )


def slices(report: EvalReport, say: Say, language: str) -> Html:
    """The metric of slices by length, script, source, time and more; those by class stand in the table by class. A
    slice of few customers or rows is marked.
    """
    entries = [entry for entry in report.facts.get("slices", []) if entry["by"] != "class"]
    metric = entries[0].get("metric", "accuracy") if entries else ""
    rows: list[list[Child]] = [
        [
            say(entry["by"]),
            value_name(entry["by"], entry["value"]).say(language),
            _many(entry, say),
            _with_span(Interval(value=entry[metric], low=entry["low"], high=entry["high"])),
        ]
        for entry in entries
    ]
    return table([say("slices"), "", say("rows"), say(metric)], rows) if rows else Html("")


def _many(entry: dict[str, Any], say: Say) -> Child:
    if not entry.get("few"):
        return float(entry["rows"])
    return tag("td", number(entry["rows"]), tag("br"), tag("span", say("few"), class_="soft"))


def _with_span(found: Interval, *, signed: bool = False, p: float | None = None) -> Html:
    """A cell: the value, and small below it the interval; for a paired difference also its p-value."""
    sign = "+" if signed else ""
    tail = f" · p {p:.3f}" if p is not None else ""
    small = tag("span", f"{found.low:{sign}.3f} … {found.high:{sign}.3f}{tail}", class_="soft")
    return tag("td", f"{found.value:{sign}.3f}", tag("br"), small, class_="nowrap")


def _span(found: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{found.value:{sign}.3f} ({found.low:{sign}.3f} … {found.high:{sign}.3f})"
