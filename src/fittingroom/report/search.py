"""The page of a search: its trainings as a table, the scores as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fittingroom.report.charts import Line, lines, scatter
from fittingroom.report.html import Child, Html, document, number, table, tag
from fittingroom.report.words import Say, speaker
from fittingroom.types import Frozen


class TrialRow(Frozen):
    """One short training of a search."""

    number: int
    values: dict[str, Any]
    score: float | None
    """Best macro-F1 on dev; of one that was ended early, until then; null where it failed."""
    ended: str
    """completed, pruned (ended early, as hopeless) or failed."""
    seconds: float
    why: str = ""
    """The class of the error where it failed."""


def render_search(
    name: str, rows: Sequence[TrialRow], best: int | None, patch: dict[str, Any], dev_rows: int, language: str
) -> str:
    """One self-contained page of HTML."""
    language = "zh-CN" if language.startswith("zh") else "en"
    say = speaker(language)
    about = f"{say('dev')} · {dev_rows} {say('rows')} · {say('macro_f1')}"
    parts: list[Child] = [tag("h1", f"{name} · {say('search')}"), tag("p", about, class_="soft")]
    parts.append(_proposal(patch, say))
    parts.append(tag("div", *_pictures(rows, say), class_="pair"))
    parts.append(_table(rows, best, say))
    return document(f"{name} · fittingroom", parts, language)


def _proposal(patch: dict[str, Any], say: Say) -> Html:
    if not patch:
        return tag("p", say("no_winner"), class_="notice")
    sets = " ".join(f"--set {path}={value}" for path, value in sorted(patch.items()))
    return tag("div", tag("h2", say("proposal")), tag("pre", f"fittingroom run {sets}"))


def _pictures(rows: Sequence[TrialRow], say: Say) -> list[Child]:
    """The score of every training and the best so far; for each number that was searched, score over value."""
    scored = [(row, row.score) for row in rows if row.score is not None]
    so_far, best = [], -math.inf
    for row, score in scored:
        best = max(best, score) if row.ended == "completed" else best
        if math.isfinite(best):
            so_far.append((float(row.number), best))
    points = [(float(row.number), score) for row, score in scored]
    found: list[Child] = [
        lines([Line(say("trial"), points, 4), Line(say("best_so_far"), so_far, 1)], title=say("search"))
    ]
    names = sorted({name for row in rows for name, value in row.values.items() if isinstance(value, int | float)})
    for name in names:
        values = [(float(row.values[name]), score) for row, score in scored if name in row.values]
        found.append(scatter(values, title=f"{say('macro_f1')} · {name}", log=_spread(values)))
    return found


def _spread(points: Sequence[tuple[float, float]]) -> bool:
    """Whether values lie so far apart that only a logarithmic axis shows them."""
    xs = [x for x, _ in points]
    return bool(xs) and min(xs) > 0 and max(xs) / min(xs) >= 10


def _table(rows: Sequence[TrialRow], best: int | None, say: Say) -> Html:
    names = sorted({name for row in rows for name in row.values})
    head: list[Child] = ["", *names, say("macro_f1"), say("stopped"), say("seconds")]
    lines_of: list[list[Child]] = []
    for row in sorted(rows, key=lambda row: (-(row.score if row.score is not None else -1.0), row.number)):
        mark = "★ " if row.number == best else ""
        score = "–" if row.score is None else f"{row.score:.3f}"
        ended = say("trial_failed" if row.ended == "failed" else row.ended) + (f" · {row.why}" if row.why else "")
        values = [_shown(row.values.get(name)) for name in names]
        lines_of.append([f"{mark}{row.number}", *values, score, ended, number(row.seconds, 1)])
    return table(head, lines_of)


def _shown(value: Any) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
