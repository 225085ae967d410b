"""What was planned beside what happened, and the pictures of what was found by trying."""

from __future__ import annotations

from typing import Any

from fittingroom.report.charts import Line, lines
from fittingroom.report.data import AttemptView
from fittingroom.report.html import Child, Html, details, join, number, table, tag
from fittingroom.report.words import Say
from fittingroom.training.worded import laid_out
from fittingroom.types import Plan

_GIB = 2**30


def planned(view: AttemptView, say: Say, language: str) -> Html | None:
    """The plan's numbers against those of the training, and curves of the finders; None without a plan."""
    plan = view.plan
    if plan is None:
        return None
    pictures = [_range_test(plan.found.get("learning_rate"), say), _passes(plan.found.get("pass_tokens"), say)]
    shown = [picture for picture in pictures if picture is not None]
    rows = _rows(plan, view.timing, say)
    head: list[Child] = ["", say("planned"), say("happened"), say("times")]
    memory: list[list[Child]] = [
        [tag("code", name), f"{size / _GIB:.3f}"] for name, size in plan.memory.items() if size
    ]
    layout = laid_out(plan.layout)
    return join(
        tag("h3", say("plan")),
        table(head, rows),
        tag("p", layout.say(language)) if layout is not None else None,
        details(say("chosen_why"), _chosen(plan, say)) if plan.chosen else None,
        details(f"{say('plan.memory_gib')}", table(["", "GiB"], memory)) if memory else None,
        tag("div", *shown, class_="pair") if shown else None,
    )


def _chosen(plan: Plan, say: Say) -> Html:
    """What came of every `auto`, and why."""
    rows: list[list[Child]] = []
    for name, why in sorted(plan.chosen.items()):
        value = getattr(plan, name, None)
        shown = f"{value}" if isinstance(value, int | float | str) else ""
        rows.append([tag("code", f"train.{name}"), shown, say(why)])
    return table(["", say("chosen"), say("why")], rows)


def _rows(plan: Plan, timing: dict[str, float], say: Say) -> list[list[Child]]:
    done = timing.get("steps_done")
    planned_bytes = timing.get("planned_bytes", float(plan.memory_bytes))
    rows: list[tuple[str, float | None, float | None, int]] = [
        ("plan.batch_size", float(plan.batch_size), None, 0),
        ("plan.steps", float(plan.steps), done, 0),
        ("plan.minutes", plan.minutes, None, 2),
        ("plan.minutes_of_steps", timing.get("planned_minutes"), timing.get("minutes"), 2),
        ("plan.memory_gib", planned_bytes / _GIB, _gib(timing.get("peak_bytes")), 2),
        ("plan.tokens_per_second", timing.get("planned_tokens_per_second"), timing.get("tokens_per_second"), 0),
    ]
    return [
        [say(name), _shown(plan_says, digits), _shown(came, digits), _times(plan_says, came)]
        for name, plan_says, came, digits in rows
        if plan_says is not None
    ]


def _gib(size: float | None) -> float | None:
    return None if size is None else size / _GIB


def _shown(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _times(plan_says: float | None, came: float | None) -> str:
    if not plan_says or came is None:
        return ""
    return f"× {number(came / plan_says, 2)}"


def _range_test(found: dict[str, Any] | None, say: Say) -> Html | None:
    """The loss of every step over its rate, the smoothed one, and the rate that was chosen."""
    if not found:
        return None
    rates = [float(rate) for rate in found["rates"]]
    curves = [
        Line(say("step_loss"), list(zip(rates, found["losses"], strict=True)), 4),
        Line(say("smoothed"), list(zip(rates, found["smooth"], strict=True)), 1),
    ]
    mark = found.get("chosen")
    name = f"{say('chosen')} {mark:g}" if mark else ""
    return lines(curves, title=say("range_test"), mark=mark, mark_name=name, log=True)


def _passes(found: dict[str, Any] | None, say: Say) -> Html | None:
    """Speed over the size of a pass, and the size that was chosen."""
    if not found:
        return None
    points = [(float(one["tokens"]), float(one["tokens_per_second"])) for one in found["tried"] if one["fits"]]
    mark = float(found["tokens"])
    return lines(
        [Line(say("plan.tokens_per_second"), points, 1)],
        title=say("passes"),
        mark=mark,
        mark_name=f"{say('chosen')} {mark:g}",
        log=True,
    )
