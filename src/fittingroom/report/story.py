"""The sections that tell what happened: the attempts, their findings and curves, and the road of the data."""

from __future__ import annotations

import json
from typing import Any

from fittingroom.report.charts import Line, lines
from fittingroom.report.data import AttemptView, FindingView, ReportData, StageLine
from fittingroom.report.html import Child, Html, details, join, number, table, tag
from fittingroom.report.planned import planned
from fittingroom.report.scores import badge
from fittingroom.report.side import paid
from fittingroom.report.words import Say

_MOST_EXAMPLES = 6
_FLOW = ("kept", "dropped", "rejected")
_PARTS = ("train", "dev", "calibration", "test")


def in_short(data: ReportData, metric: str, say: Say, language: str) -> Html:
    """One line per attempt: its score, its verdict, and what was blamed and changed before the next."""
    items = []
    for view in data.attempts:
        pieces: list[Child] = [tag("b", attempt_name(view.attempt.number, language)), _sep(language)]
        if view.cause is not None:
            pieces += [f"{say('cause')}{_sep(language)}{view.cause.say(language)} → "]
            pieces += [", ".join(f"{change.path} = {_value(change.after)}" for change in view.changed), _arrow()]
        value = view.attempt.metrics.get(f"dev.{metric}")
        if value is not None:
            pieces.append(f"{say('dev')} {say(metric)} {value:.3f} ")
        verdict = view.attempt.verdict
        pieces.append(badge(verdict.value, say) if verdict is not None else badge("blocked", say))
        items.append(tag("li", *pieces))
    return tag("ol", *items, style="list-style:none;padding-left:0")


def attempts(data: ReportData, metric: str, say: Say, language: str) -> Html:
    """Every attempt in full; the last one is unfolded."""
    views = []
    before: AttemptView | None = None
    for view in data.attempts:
        views.append(_attempt(view, before, metric, say, language, opened=view is data.attempts[-1]))
        before = view
    return join(*views)


def _attempt(
    view: AttemptView, before: AttemptView | None, metric: str, say: Say, language: str, *, opened: bool
) -> Html:
    attempt = view.attempt
    verdict = attempt.verdict.value if attempt.verdict is not None else "blocked"
    value = attempt.metrics.get(f"dev.{metric}")
    score = f" · {say(metric)} {value:.3f}" if value is not None else ""
    head = join(attempt_name(attempt.number, language), score, " ", badge(verdict, say))
    parts: list[Child] = [_why(view, say, language), _came(view, before, metric, say, language)]
    if view.stopped:
        parts.append(tag("p", f"{say('stopped')}{_sep(language)}{say(view.stopped)}", class_="soft"))
    if attempt.cost:
        parts.append(tag("p", f"{say('api_cost')}{_sep(language)}{paid(attempt.cost)}", class_="soft"))
    parts += [tag("p", _speed(view.speed, say), class_="soft")] if view.speed.get("tokens_per_second") else []
    parts += [tag("p", text.say(language), class_="notice") for text in view.said]
    parts += [
        planned(view, say, language),
        _curves(view, say),
        tag("h3", say("findings")),
        findings(view.findings, say, language),
    ]
    return tag("details", tag("summary", head), *parts, class_="attempt", open=opened)


def _why(view: AttemptView, say: Say, language: str) -> Html:
    """The cause, the change and what was expected of it."""
    if view.cause is None and not view.changed:
        return tag("p", say("first"), class_="soft")
    parts: list[Child] = []
    if view.cause is not None:
        parts.append(tag("p", f"{say('cause')}{_sep(language)}", tag("b", view.cause.say(language))))
    rows: list[list[Child]] = [
        [tag("code", change.path), _value(change.before), _value(change.after)] for change in view.changed
    ]
    parts.append(table([say("path"), say("before"), say("after")], rows))
    if view.attempt.expectation is not None:
        parts.append(tag("p", f"{say('expected')}{_sep(language)}{view.attempt.expectation.say(language)}"))
    return join(*parts)


def _came(view: AttemptView, before: AttemptView | None, metric: str, say: Say, language: str) -> Html | None:
    """What came of it, against the attempt before."""
    if (came := view.attempt.came) is not None:
        said = say("met" if came.met else "not_met")
        return tag(
            "p", f"{say('came')}{_sep(language)}{came.metric} {came.before:.3f} → ", tag("b", f"{came.after:.3f}"),
            f" ({came.change:+.3f}, {said})",
        )  # fmt: skip
    now = view.attempt.metrics.get(f"dev.{metric}")
    was = before.attempt.metrics.get(f"dev.{metric}") if before is not None else None
    if now is None or was is None:
        return None
    return tag(
        "p", f"{say('came')}{_sep(language)}{say(metric)} {was:.3f} → ", tag("b", f"{now:.3f}"), f" ({now - was:+.3f})"
    )


def _curves(view: AttemptView, say: Say) -> Html:
    """Loss and score over the steps of training, with the checkpoint that was kept."""
    mark = float(view.best_step) if view.best_step else None
    loss = lines(
        [
            Line(say("step_loss"), _points(view.steps, "loss"), 4),
            Line(say("train"), _points(view.evals, "train_loss"), 1),
            Line(say("dev"), _points(view.evals, "dev_loss"), 2),
        ],
        title=say("loss"),
        mark=mark,
        mark_name=say("best"),
    )
    score = lines(
        [
            Line(say("train_metric"), _points(view.evals, "train_metric"), 1),
            Line(say("dev_metric"), _points(view.evals, "dev_metric"), 2),
        ],
        title=say("metric"),
        mark=mark,
        mark_name=say("best"),
    )
    rate = lines(
        [Line(say("learning_rate"), _points(view.steps, "learning_rate"), 1)],
        title=say("learning_rate"),
        mark=mark,
        mark_name=say("best"),
    )
    norm = lines(
        [Line(say("grad_norm"), _points(view.steps, "grad_norm"), 4)],
        title=say("grad_norm"),
        mark=mark,
        mark_name=say("best"),
    )
    return join(tag("div", loss, score, class_="pair"), tag("div", rate, norm, class_="pair"))


def _speed(speed: dict[str, float], say: Say) -> str:
    """Tokens and rows per second of training."""
    tokens, examples = speed["tokens_per_second"], speed.get("examples_per_second", 0.0)
    return f"{tokens:,.0f} {say('tokens_per_second')} · {examples:,.1f} {say('examples_per_second')}"


def findings(found: list[FindingView], say: Say, language: str) -> Html:
    """Findings, the gravest first, each with its numbers, its remedy and examples."""
    if not found:
        return tag("p", say("no_findings"), class_="soft")
    grave = {"block": 0, "warn": 1, "info": 2}
    ordered = sorted(found, key=lambda view: grave[view.finding.severity.value])
    return join(*(_finding(view, say, language) for view in ordered))


def _finding(view: FindingView, say: Say, language: str) -> Html:
    finding = view.finding
    rows: list[list[Child]] = [
        [name, number(value), number(finding.limits[name]) if name in finding.limits else ""]
        for name, value in finding.measured.items()
    ]
    parts: list[Child] = [
        tag("p", badge(finding.severity.value, say), " ", tag("b", view.title.say(language)), " ",
            tag("code", finding.pitfall)),
        tag("p", finding.summary.say(language)),
    ]  # fmt: skip
    if rows:
        parts.append(details(say("facts"), table(["", say("measured"), say("limit")], rows)))
    if view.remedy is not None:
        parts.append(tag("p", f"{say('remedy')}{_sep(language)}{view.remedy.say(language)}"))
    if view.examples:
        shown = [
            tag("blockquote", example.text, " ", tag("span", f"{example.note} {example.id}".strip(), class_="soft"))
            for example in view.examples[:_MOST_EXAMPLES]
        ]
        parts.append(details(f"{say('examples')} ({len(view.examples)})", *shown))
    return tag("div", *parts, class_="card")


def road(stages: list[StageLine], say: Say, language: str) -> Html:
    """The table of the road: rows in, kept, dropped, rejected and why; behind each stage what it measured."""
    rows: list[list[Child]] = []
    for line in stages:
        parts = {name: line.rows[name] for name in _PARTS if name in line.rows}
        kept = line.rows.get("kept", sum(parts.values()) if parts else None)
        if kept is None:
            continue
        dropped, rejected = line.rows.get("dropped", 0), line.rows.get("rejected", 0)
        into = line.rows.get("in", kept + dropped + rejected)
        said = "; ".join(f"{say(reason)}: {count}" for reason, count in _ordered(line.reasons))
        split = " · ".join(f"{say(name)} {count}" for name, count in parts.items())
        rows.append(
            [
                join(say(line.stage), _flow(kept, dropped, rejected)),
                *(float(count) for count in (into, kept, dropped, rejected)),
                join(said, tag("br") if said and split else None, tag("span", split, class_="soft")),
            ]
        )
    head: list[Child] = [say(name) for name in ("stage", "in", "kept", "dropped", "rejected", "why")]
    return join(table(head, rows), *(_measured(line, say, language) for line in stages))


def _flow(kept: int, dropped: int, rejected: int) -> Html:
    """A bar: what share of the rows stays."""
    total = max(kept + dropped + rejected, 1)
    shares = zip(_FLOW, (kept, dropped, rejected), strict=True)
    return tag(
        "div",
        *(tag("i", class_=name, style=f"width:{100 * count / total:.2f}%") for name, count in shares if count),
        class_="flow",
    )


def _measured(line: StageLine, say: Say, language: str) -> Html | None:
    """The facts of a stage, folded away."""
    shown = {name: value for name, value in line.facts.items() if name not in {"slices", "calibration", "distribution"}}
    if not shown:
        return None
    unread: list[list[Child]] = [[tag("code", place), say(reason)] for place, reason in line.rejected]
    head: list[Child] = [say("rejected"), say("why")]
    note = f" · {say('recalled')}" if line.recalled else f" · {number(line.seconds, 1)} {say('seconds')}"
    return details(
        join(say(line.stage), tag("span", note, class_="soft")), table(head, unread) if unread else None, _facts(shown)
    )


def _facts(facts: dict[str, Any]) -> Html:
    rows: list[list[Child]] = [[tag("code", name), _value(value)] for name, value in _flat(facts)]
    return table(["", ""], rows)


def _flat(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested facts as dotted names; a dictionary of plain values stays one line."""
    found: list[tuple[str, Any]] = []
    for name, value in facts.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
            found += _flat(value, f"{path}.")
        else:
            found.append((path, value))
    return found


def _value(value: Any) -> str:
    """Any JSON value on one line."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return number(float(value), 4)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_value(item)}" for name, item in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value) or "–"
    return str(value)


def _points(records: list[dict[str, float]], name: str) -> list[tuple[float, float]]:
    return [(float(record["step"]), float(record[name])) for record in records if name in record and "step" in record]


def _ordered(reasons: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))


def attempt_name(count: int, language: str) -> str:
    """Attempt 2, 第 2 次尝试."""
    return f"第 {count} 次尝试" if language.startswith("zh") else f"Attempt {count}"


def _sep(language: str) -> str:
    return "：" if language.startswith("zh") else ": "


def _arrow() -> str:
    return " → "
