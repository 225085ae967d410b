"""Attempts side by side: what was changed, what was expected, what came."""

from __future__ import annotations

from collections.abc import Mapping

from fittingroom.report.data import AttemptView, Change, ReportData
from fittingroom.report.html import Child, Html, number, table, tag
from fittingroom.report.scores import badge
from fittingroom.report.words import Say


def side_by_side(data: ReportData, metric: str, say: Say, language: str) -> Html | None:
    """A row per attempt, once there are two to compare; `metric` on dev, with the step from the best one before."""
    if len(data.attempts) < 2:
        return None
    rows: list[list[Child]] = []
    best: float | None = None
    for view in data.attempts:
        value = view.attempt.metrics.get(f"dev.{metric}")
        rows.append(_row(view, value, best, say, language))
        best = value if best is None or (value is not None and value > best) else best
    head: list[Child] = [
        say("attempt"), say("cause"), say("changed"), say("expected"), f"{say(metric)} · {say('dev')}",
        say("verdict"), say("minutes"),
    ]  # fmt: skip
    if any(view.attempt.cost for view in data.attempts):
        head.append(say("api_cost"))
        for view, row in zip(data.attempts, rows, strict=True):
            row.append(paid(view.attempt.cost))
    return table(head, rows)


def paid(cost: Mapping[str, float]) -> str:
    """What endpoints asked for an attempt, by currency."""
    return " + ".join(f"{number(amount, 4)} {currency}".strip() for currency, amount in sorted(cost.items())) or "–"


def _row(view: AttemptView, value: float | None, best: float | None, say: Say, language: str) -> list[Child]:
    attempt = view.attempt
    came: Child = "–"
    if value is not None:
        step = tag("span", f"{value - best:+.3f}", class_="soft") if best is not None else None
        said = "met" if attempt.came is not None and attempt.came.met else "not_met"
        kept = tag("span", say(said), class_="soft") if attempt.came is not None else None
        came = tag("td", f"{value:.3f}", tag("br") if step else None, step, tag("br") if kept else None, kept,
                   class_="nowrap")  # fmt: skip
    return [
        str(attempt.number),
        view.cause.say(language) if view.cause is not None else say("first"),
        tag("td", *(_change(change) for change in view.changed)) if view.changed else "",
        attempt.expectation.say(language) if attempt.expectation is not None else "",
        came,
        badge(attempt.verdict.value if attempt.verdict is not None else "blocked", say),
        number(attempt.minutes, 1),
    ]


def _change(change: Change) -> Html:
    return tag("div", tag("code", f"{change.path}: {shown(change.before)} → {shown(change.after)}"))


def shown(value: object) -> str:
    """A value of the recipe on one line."""
    if isinstance(value, float):
        return number(value, 4)
    return "–" if value is None else str(value)
