"""What verbs returned, as short plain text for a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.reasons import in_chinese
from fittingroom.report.words import speaker
from fittingroom.training.worded import laid_out

if TYPE_CHECKING:
    from fittingroom.checking import Checked, Shown
    from fittingroom.forgetting import Forgotten
    from fittingroom.searching import Searched
    from fittingroom.stages.monitor import DriftReport
    from fittingroom.types import Attempt, Finding, Page, RunSummary

_STATUS_ZH = {
    "running": "运行中",
    "waiting": "等待人工",
    "passed": "通过",
    "failed": "未通过",
    "inconclusive": "无定论",
    "interrupted": "已中断",
    "error": "出错",
}


def tell_run(summary: RunSummary, root: Path, language: str) -> str:
    """How a run ended: attempts, causes, scores, where the report lies, what to type next."""
    chinese = language.startswith("zh")
    status = _STATUS_ZH[summary.status] if chinese else summary.status
    lines = ["", f"{'运行' if chinese else 'run'} {summary.id}: {status}"]
    for attempt in summary.attempts:
        lines += list(_attempt(attempt, summary.judged_by, language))
    for part in ("dev", "test"):
        scores = {
            name.split(".", 1)[1]: value for name, value in summary.metrics.items() if name.startswith(f"{part}.")
        }
        if scores:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in scores.items())
            lines.append(f"  {part:<5} {shown}")
    if summary.message:
        lines.append(f"  {summary.message.say(language)}")
    if summary.report:
        lines.append(f"  {'报告' if chinese else 'report'}: {summary.report}")
    if summary.release:
        where = "" if root.resolve() == Path.cwd() else f" -w {root}"
        question = "我买的鞋大了，能换小一码吗？" if chinese else "where is my parcel?"
        lines.append(f'  {"试一试" if chinese else "ask it"}: {_program()}{where} ask "{question}"')
    return "\n".join(lines)


def tell_search(found: Searched, language: str) -> str:
    """The trainings of a search, best first, and what is proposed."""
    chinese = language.startswith("zh")
    say = speaker(language)
    names = sorted({name for row in found.trials for name in row.values})
    lines = ["", "  ".join([f"{'#':>4}", *(f"{name:<14}" for name in names), f"{say('macro_f1'):<10}", say("stopped")])]
    for row in sorted(found.trials, key=lambda row: (-(row.score if row.score is not None else -1.0), row.number)):
        values = [f"{row.values.get(name, '-')!s:<14}" for name in names]
        score = "-" if row.score is None else f"{row.score:.3f}"
        ended = say("trial_failed" if row.ended == "failed" else row.ended)
        mark = "*" if row.number == found.best else " "
        lines.append("  ".join([f"{mark}{row.number:>3}", *values, f"{score:<10}", f"{ended} {row.why}".rstrip()]))
    number, minutes = len(found.trials), found.minutes
    lines.append(
        f"  {number} 次训练，共 {minutes:.1f} 分钟，在开发集 {found.dev_rows} 行上评判；页面：{found.report}"
        if chinese
        else f"  {number} trainings in {minutes:.1f} min, judged on {found.dev_rows} rows of dev; page: {found.report}"
    )
    if not found.patch:
        lines.append(f"  {say('no_winner')}")
    else:
        sets = " ".join(f"--set {path}={value}" for path, value in sorted(found.patch.items()))
        before, behind = ("：", f"（{found.proposal}）") if chinese else (": ", f" ({found.proposal})")
        lines.append(f"  {say('proposal')}{before}{sets}{behind}")
    return "\n".join(lines)


def _program() -> str:
    """The program as it can be called from here: by its name where that is found, else by where it lies."""
    here = Path(sys.argv[0])
    if here.name != "fittingroom" or shutil.which("fittingroom"):
        return "fittingroom"
    return os.path.relpath(here) if here.is_absolute() and here.is_relative_to(Path.cwd()) else str(here)


def _attempt(attempt: Attempt, judged_by: str, language: str) -> Iterator[str]:
    chinese = language.startswith("zh")
    head = f"  {'第 ' if chinese else 'attempt '}{attempt.number}{' 次' if chinese else ''}"
    if attempt.cause:
        change = ", ".join(f"{path} = {value}" for path, value in attempt.patch.items())
        yield f"{head}: {'原因' if chinese else 'cause'} {attempt.cause} -> {change}"
        if attempt.expectation:
            yield f"      {'预期' if chinese else 'expected'}: {attempt.expectation.say(language)}"
    else:
        yield f"{head}: {'按配方' if chinese else 'as the recipe says'}"
    if attempt.came:
        came, met = attempt.came, attempt.came.met
        said = ("符合预期" if met else "未达预期") if chinese else ("as expected" if met else "less than expected")
        yield f"      {'结果' if chinese else 'came'}: {came.metric} {came.before:.3f} -> {came.after:.3f} ({said})"
    score = score_of(attempt.metrics, judged_by, ("dev",))
    verdict = attempt.verdict.value if attempt.verdict else ("被阻止" if chinese else "blocked")
    yield f"      dev {score}, {verdict}" if score else f"      {verdict}"
    for finding in attempt.findings:
        if finding.severity.value != "info":
            yield f"      ! {tell_finding(finding, language)}"


def score_of(metrics: Mapping[str, float], judged_by: str, parts: Sequence[str] = ("test", "dev")) -> str:
    """What the gate judges, on the first of these parts that was judged, `macro-F1 0.912`; "" for none."""
    for part in parts:
        value = metrics.get(f"{part}.{judged_by}")
        if value is not None:
            return f"{'macro-F1' if judged_by == 'macro_f1' else judged_by} {value:.3f}"
    return ""


def tell_finding(finding: Finding, language: str) -> str:
    """One finding on one line."""
    return f"{finding.pitfall}: {finding.summary.say(language)}"


def tell_check(checked: Checked, language: str) -> str:
    """The data road, class counts, the plan and what was found."""
    chinese = language.startswith("zh")
    say = speaker(language) if chinese else str
    lines = [f"{checked.recipe}"]
    for stage, ledger in checked.ledger.items():
        lines.append(f"  {stage:<10} " + "  ".join(f"{say(name)} {rows:,}" for name, rows in ledger.items()))
        reasons = checked.reasons.get(stage, {})
        if reasons:
            lines.append("             " + "; ".join(f"{say(reason)}: {rows:,}" for reason, rows in reasons.items()))
        if stage == "prepare":
            lines += [f"             {place}  {say(reason)}" for place, reason in checked.rejected]
            lines += [f"             {line}" for line in map(_example, checked.examples)]
        if stage == "split":
            classes = checked.facts["split"].get("classes", {}).get("train", {})
            lines += list(_by_time(checked.facts["split"].get("proof", {}), chinese))
            lines += [
                f"    {label:<24} {rows:>7,}" for label, rows in sorted(classes.items(), key=lambda item: -item[1])
            ]
        if stage == "label":
            lines += list(_rules(checked.facts["label"].get("rules", {}), language))
    if checked.plan:
        lines += _plan(checked.plan, chinese)
    if checked.cost:
        lines.append("  " + checked.cost.told().say(language))
    lines += [f"  {say(finding.severity.value)}: {tell_finding(finding, language)}" for finding in checked.findings]
    if checked.blocked:
        lines.append(f"  {'被阻止' if chinese else 'blocked'}: {checked.blocked.say(language)}")
    elif not checked.findings:
        lines.append("  没有发现问题" if chinese else "  no findings")
    return "\n".join(lines)


def _plan(plan: dict[str, Any], chinese: bool) -> Iterator[str]:
    """Steps, rate, time and memory; how rows are laid out; what was chosen for every `auto`, and why."""
    yield "  " + (
        f"计划：{plan['steps']} 步，批大小 {plan['batch_size']}，学习率 {plan['learning_rate']:g}，"
        f"约 {plan['minutes']:.1f} 分钟，权重与激活约 {plan['memory_bytes'] / 2**30:.2f} GiB"
        if chinese
        else f"plan: {plan['steps']} steps, batch {plan['batch_size']}, learning rate {plan['learning_rate']:g}, "
        f"about {plan['minutes']:.1f} min, weights and activations about {plan['memory_bytes'] / 2**30:.2f} GiB"
    )
    layout = laid_out(plan["layout"])
    if layout is not None:
        yield "  " + (layout.zh if chinese else layout.en)
    for name, why in sorted(plan["chosen"].items()):
        value = f" = {plan[name]}" if isinstance(plan.get(name), int | float | str) else ""
        yield f"    train.{name}{value}{'：' if chinese else ': '}{in_chinese(why) if chinese else why}"


def _by_time(proof: dict[str, int], chinese: bool) -> Iterator[str]:
    """Where a split by time could not draw a line, since customers and copies stay whole."""
    if proof.get("newer_in_train"):
        newer, older = proof["newer_in_train"], proof["older_in_test"]
        yield (
            f"             按时间划分：训练集有 {newer:,} 行比测试集最早的一行新，"
            f"测试集有 {older:,} 行比训练集最新的一行旧（同一客户或近似文本不拆开）"
            if chinese
            else f"             by time: {newer:,} rows of train are newer than the oldest of test, {older:,} of test "
            "older than the newest of train (customers and copies stay whole)"
        )


def _example(row: Shown) -> str:
    """A redacted row on one line: what the model would read, its label, what was done to it."""
    text = " | ".join(" ".join(value.split())[:60] for value in row.input.values())
    edits = ", ".join(f"{rule} {count}" for rule, count in row.edits.items())
    return f"“{text}” -> {row.label or '?'}" + (f"  ({edits})" if edits else "")


def _rules(facts: dict[str, Any], language: str) -> Iterator[str]:
    """What the rules for weak labels reach, and where they contradict each other or people."""
    if not facts:
        return
    chinese = language.startswith("zh")
    share, twice, torn, given = (facts[name] for name in ("coverage", "overlaps", "conflicts", "labelled"))
    yield (
        f"  规则：覆盖 {share:.1%}，重叠 {twice}，冲突 {torn}，弱标签 {given}"
        if chinese
        else f"  rules: coverage {share:.1%}, overlaps {twice}, conflicts {torn}, weak labels {given}"
    )
    for number, rule in enumerate(facts["by_rule"]):
        right = f"{rule['right']}/{rule['checked']}"
        told = (
            f"行 {rule['rows']}，冲突 {rule['conflicts']}，与人一致 {right}"
            if chinese
            else f"rows {rule['rows']}, conflicts {rule['conflicts']}, as people say {right}"
        )
        yield f"    {number} {rule['label']:<22} {told}"


_HEADINGS = {
    "what_goes_wrong": ("What goes wrong", "出了什么问题"),
    "why_it_hurts": ("Why it hurts", "为什么有害"),
    "how_it_is_detected": ("How it is detected", "如何发现"),
    "what_the_remedy_does": ("What the remedy does", "补救办法"),
    "not_detected": ("Not detected", "发现不了的情况"),
    "source": ("Source", "来源"),
}


def tell_page(page: Page, language: str) -> str:
    """A pitfall's page."""
    column = 1 if language.startswith("zh") else 0
    lines = [page.title, ""]
    for name, headings in _HEADINGS.items():
        lines += [headings[column], f"    {getattr(page, name)}", ""]
    return "\n".join(lines).rstrip()


def tell_forgotten(gone: Forgotten, customer: bool, language: str) -> str:
    """What was erased, and which releases saw it."""
    chinese = language.startswith("zh")
    nothing = not (gone.rows or gone.requests or gone.decisions or gone.sheets)
    lines = []
    if nothing and customer:
        lines.append(
            "没有找到该客户的任何数据（请核对编号与数据源中的写法）"
            if chinese
            else "nothing of this customer was found (is the number written as in the sources?)"
        )
    elif nothing:
        lines.append("没有过期数据" if chinese else "nothing is past its retention")
    else:
        sheets = ", ".join(gone.sheets) or "-"
        lines.append(
            f"已删除 {gone.rows} 行（{gone.objects} 个存储对象）、{gone.decisions} 个决定、{gone.requests} 条请求记录；"
            f"复核与导出文件：{sheets}；重写了 {len(gone.runs)} 个运行的报告"
            if chinese
            else f"erased {gone.rows} rows from {gone.objects} stored objects, {gone.decisions} decisions, "
            f"{gone.requests} recorded requests; sheets and exports: {sheets}; "
            f"reports of {len(gone.runs)} runs written anew"
        )
    if gone.left:
        names = ", ".join(gone.left)
        lines.append(
            f"这些文件仍显示其文本，但没有记录每行来自哪一行数据，请删除或重新导出：{names}"
            if chinese
            else "these files still show their texts and do not say which line is whose; delete them or export anew: "
            + names
        )
    if gone.silent:
        names = ", ".join(gone.silent)
        lines.append(
            f"这些数据源没有说明每行属于哪个客户，其中的数据无法查找，请在 `group` 中写明客户列：{names}"
            if chinese
            else f"these sources do not say which customer a row is of, so nobody can tell what they hold; name the "
            f"customer's column under `group`: {names}"
        )
    if gone.read_whole:
        lines.append(
            "使用 cursor 的数据源的增量状态已清除，下次运行会完整读取"
            if chinese
            else "what was kept of sources with a cursor is gone too: the next run reads them whole"
        )
    if customer:
        lines.append(
            "以后的运行都会排除该客户，即使数据源中仍有其数据"
            if chinese
            else "later runs leave this customer out, even if the sources still have them"
        )
    if gone.releases:
        names = ", ".join(f"v{number}" for number in gone.releases)
        lines.append(
            f"这些版本用到了这些数据，权重无法遗忘，请重新训练：{names}"
            if chinese
            else f"made with these rows, and weights cannot forget; train anew: {names}"
        )
    if gone.unsure:
        names = ", ".join(f"v{number}" for number in gone.unsure)
        lines.append(
            f"这些版本的数据已不在存储中，无法判断：{names}"
            if chinese
            else f"their rows are no longer stored, so nobody can tell: {names}"
        )
    return "\n".join(lines)


def tell_drift(drift: DriftReport, language: str) -> str:
    """Whether production still looks like the training data, and what to do."""
    chinese = language.startswith("zh")
    rows = f"{drift.rows_window:,} / {drift.rows_reference:,}"
    lines = [f"  {'请求 / 参照' if chinese else 'requests / reference'}: {rows}"]
    if drift.chats:
        en = f"chat requests: {drift.chats:,}, counted but not compared"
        lines.append(f"  对话请求：{drift.chats:,} 条，只计数，不参与比较" if chinese else f"  {en}")
    for signal in drift.signals:
        lines.append(f"  {'!' if signal.drifted else ' '} {signal.name:<14} {signal.summary.say(language)}")
    return "\n".join([*lines, *(f"  -> {step.say(language)}" for step in drift.next)])
