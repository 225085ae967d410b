"""A run as Markdown, short enough for a pull request; no text of any row stands in it."""

from __future__ import annotations

from collections.abc import Sequence

from fittingroom.report.html import number
from fittingroom.report.side import paid, shown
from fittingroom.report.summary import AttemptLine, ReportSummary, Standing
from fittingroom.report.words import Say, speaker
from fittingroom.types import Interval, Verdict

_MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔"}


def render_markdown(summary: ReportSummary, language: str = "en") -> str:
    """Verdict, contestants, conditions of the gate, attempts side by side; Chinese for "zh…"."""
    language = "zh-CN" if language.startswith("zh") else "en"
    say = speaker(language)
    parts = [f"## {_escaped(summary.name)} · {say(summary.status)}", _top(summary, say, language)]
    if summary.contestants:
        parts += [f"### {say('scores')}"]
        parts += [summary.whose.say(language)] if summary.whose is not None else []
        parts += [_scores(summary, say, language)]
    if summary.beside:
        parts += [f"### {say('beside_scores')}", _beside(summary, language)]
    if summary.checks:
        parts += [f"### {say('gate')}", _gate(summary, say, language)]
    parts += [f"### {say('attempts')}", _attempts(summary, say, language)]
    return "\n\n".join(parts) + "\n"


def _top(summary: ReportSummary, say: Say, language: str) -> str:
    lines = [summary.message.say(language)] if summary.message is not None else []
    about = [
        f"{say('task')} {_escaped(summary.task)}", f"{say('base')} {_escaped(summary.base)}",
        f"{say('minutes')} {number(summary.minutes, 1)}", f"`{summary.id}`",
    ]  # fmt: skip
    lines.append(" · ".join(about))
    if summary.stand_in:
        lines.append(say("stand_in"))
    return "\n\n".join(lines)


def _scores(summary: ReportSummary, say: Say, language: str) -> str:
    metric = summary.metric
    head = [say("contestant"), f"{say(metric)} · {say(summary.part)}", say("difference"), say("rows")]
    rows = [_standing(one, metric, say, language, ours=at == 0) for at, one in enumerate(summary.contestants)]
    table = _table(head, rows)
    left = f"\n\n{say('unscored')}: {summary.unscored}" if summary.unscored else ""
    return f"{table}{left}"


def _standing(one: Standing, metric: str, say: Say, language: str, *, ours: bool) -> list[str]:
    name = f"**{say(one.name)}**" if ours else say(one.name)
    why = one.error_zh if language.startswith("zh") else one.error
    value, gap = one.metrics.get(metric), one.difference.get(metric)
    if value is None:
        return [name, f"{say('not_scored')}: {_escaped(why)}", "", ""]
    return [name, _span(value), _span(gap, signed=True) if gap is not None else "", str(one.rows)]


def _beside(summary: ReportSummary, language: str) -> str:
    colon = "：" if language.startswith("zh") else ": "
    return "\n".join(f"- {_escaped(one.name.say(language))}{colon}{_escaped(one.said.say(language))}"
                     for one in summary.beside)  # fmt: skip


def _gate(summary: ReportSummary, say: Say, language: str) -> str:
    rows = [[f"{_MARKS[check.verdict]} {say(check.verdict.value)}", _escaped(check.reason.say(language))]
            for check in summary.checks]  # fmt: skip
    return _table([say("verdict"), say("reason")], rows)


def _attempts(summary: ReportSummary, say: Say, language: str) -> str:
    head = ["#", say("cause"), say("changed"), say("expected"), f"{say(summary.metric)} · {say('dev')}",
            say("verdict"), say("minutes")]  # fmt: skip
    rows = [_attempt(line, summary.metric, say, language) for line in summary.attempts]
    if any(line.cost for line in summary.attempts):
        head.append(say("api_cost"))
        rows = [[*row, paid(line.cost)] for row, line in zip(rows, summary.attempts, strict=True)]
    return _table(head, rows)


def _attempt(line: AttemptLine, metric: str, say: Say, language: str) -> list[str]:
    value = line.metrics.get(f"dev.{metric}")
    came = "–" if value is None else f"{value:.3f}"
    if value is not None and line.came is not None:
        came += f"<br>{say('met' if line.came.met else 'not_met')}"
    changed = "<br>".join(f"`{change.path}`: {shown(change.before)} → {shown(change.after)}" for change in line.changed)
    return [
        str(line.number),
        f"`{line.cause}`" if line.cause else say("first"),
        changed,
        _escaped(line.expected.say(language)) if line.expected is not None else "",
        came,
        say(line.verdict.value) if line.verdict is not None else say("blocked"),
        number(line.minutes, 1),
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |" for line in lines)


def _span(found: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{found.value:{sign}.3f} ({found.low:{sign}.3f} … {found.high:{sign}.3f})"


def _escaped(text: str) -> str:
    """Text that stays text in a table of Markdown."""
    text = " ".join(text.split())
    for sign in ("\\", "|", "<", "`", "*", "_"):
        text = text.replace(sign, "&lt;" if sign == "<" else f"\\{sign}")
    return text
