"""The page: sections in their order, the style inside, nothing fetched from anywhere and no script."""

from __future__ import annotations

from fittingroom.report.data import Judgement, ReportData
from fittingroom.report.html import Child, Html, details, document, join, number, table, tag
from fittingroom.report.measured import measured
from fittingroom.report.rows import rows_to_look_at
from fittingroom.report.scores import badge, errors, gate, primary, scores, slices, trust
from fittingroom.report.side import side_by_side
from fittingroom.report.story import attempts, in_short, road
from fittingroom.report.summary import whose
from fittingroom.report.words import Say, speaker


def render_report(data: ReportData, language: str = "en") -> str:
    """A run as one self-contained page of HTML; `language` beginning with "zh" is Chinese, all else English."""
    language = "zh-CN" if language.startswith("zh") else "en"
    say = speaker(language)
    return document(f"{data.run.name} · fittingroom", _sections(data, say, language), language)


def _sections(data: ReportData, say: Say, language: str) -> list[Child]:
    metric = primary(data)
    parts: list[Child] = [_top(data, metric, say, language)]
    parts += [tag("h2", say("short")), in_short(data, metric, say, language)]
    parts.append(side_by_side(data, metric, say, language))
    judged, decision = data.last_judged(), data.last_decision()
    if judged is not None:
        parts += [tag("h2", say("scores")), _whose(data, language), scores(judged, decision, metric, say, language)]
    parts.append(measured(data, judged, say, language))
    if decision is not None:
        parts += [tag("h2", say("gate")), gate(decision, say, language)]
    if data.test is not None:
        parts.append(_opening(data.test, language))
    parts += [tag("h2", say("attempts")), attempts(data, metric, say, language)]
    walked = next((view.stages for view in reversed(data.attempts) if view.stages), [])
    if walked:
        parts += [tag("h2", say("road")), road(walked, say, language)]
    if judged is not None:
        parts += [tag("h2", say("errors")), errors(judged, say)]
        parts += [tag("div", tag("div", trust(judged, say, language)), slices(judged, say, language), class_="pair")]
        parts.append(rows_to_look_at(data, say))
    parts += [tag("h2", say("reproduce")), _again(data, say), tag("footer", f"fittingroom · {data.created}")]
    return parts


def _top(data: ReportData, metric: str, say: Say, language: str) -> Html:
    """Name, status, the figures that matter, and what the base model is worth."""
    run = data.run
    leading = data.leading()
    known = run.metrics | (leading.attempt.metrics if leading is not None else {})
    tiles = [
        _tile(f"{known[f'{part}.{metric}']:.3f}", f"{say(metric)} · {say(part)}")
        for part in ("test", "dev")
        if f"{part}.{metric}" in known
    ]
    tiles += [
        _tile(str(run.release) if run.release is not None else say("none_yet"), say("release")),
        _tile(str(len(data.attempts)), say("attempts")),
        _tile(number(data.minutes, 1), say("minutes")),
        _tile(data.base, say("base")),
    ]
    said = run.message.say(language) if run.message is not None else None
    about = f"{say('task')} {data.task} · {', '.join(data.fields)} → {data.target}"
    return join(
        tag("h1", run.name, " ", badge(run.status, say)),
        tag("p", about, tag("br"), tag("code", run.id), class_="soft"),
        tag("p", tag("b", said)) if said else None,
        tag("div", *tiles, class_="tiles"),
        tag("p", say("stand_in"), class_="notice") if data.stand_in else None,
    )


def _whose(data: ReportData, language: str) -> Html | None:
    """Which attempt the scores are of, where a later one was judged and is not better."""
    text = whose(data)
    return tag("p", text.say(language), class_="notice") if text is not None else None


def _tile(value: str, name: str) -> Html:
    return tag("div", tag("b", value), tag("span", name), class_="tile")


def _opening(test: Judgement, language: str) -> Html:
    """How often this test part was looked at: each look makes its score a little more hopeful."""
    chinese = language.startswith("zh")
    if test.opening <= 1:
        said = "测试集只为这个模型打开过一次。" if chinese else "The test part was opened once, for this model."
        return tag("p", said, class_="soft")
    said = (
        f"已有 {test.opening} 个版本看过这个测试集：它的分数略显乐观，下次请补充新数据。"
        if chinese
        else f"{test.opening} releases have seen this test part: its score is a little too hopeful; "
        "add new rows next time."
    )
    return tag("p", said, class_="notice")


def _again(data: ReportData, say: Say) -> Html:
    """The command, the recipe, digests and versions."""
    digests: list[list[Child]] = [[name, tag("code", value)] for name, value in data.run.digests.items()]
    versions: list[list[Child]] = [[name, tag("code", value)] for name, value in sorted(data.versions.items())]
    return join(
        tag("pre", data.command),
        details(say("recipe"), tag("pre", data.recipe)) if data.recipe else None,
        details(say("digests"), table([say("stage"), ""], digests)) if digests else None,
        details(say("versions"), table(["", ""], versions)) if versions else None,
    )
