"""What was measured beside the scores: speed and cost, what was forgotten, cut, withheld or left unjudged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fittingroom.report.beside import beside
from fittingroom.report.data import ReportData
from fittingroom.report.html import Child, Html, join, number, table, tag
from fittingroom.report.words import WORDS, Say
from fittingroom.types import EvalReport, Text

_Line = tuple[Text, Text]


def measured(data: ReportData, report: EvalReport | None, say: Say, language: str) -> Html:
    """A table of one line per measurement; empty where nothing beside the scores was measured."""
    found = list(_of_report(data, report)) if report is not None else []
    found += [(one.name, one.said) for one in beside(data)]
    rows: list[list[Child]] = [[name.say(language), said.say(language)] for name, said in found]
    if not rows:
        return Html("")
    return join(tag("h3", say("beside_scores")), table(["", say("measured")], rows))


def _of_report(data: ReportData, report: EvalReport) -> list[_Line]:
    facts = report.facts
    return [
        *_speed(data, report.timing),
        *_forgetting(facts.get("forgetting", {})),
        *_cut(facts),
        *_unjudged(facts.get("unscored", {})),
        *_restraint(facts),
        *_order(facts.get("order", {})),
        *_alone(facts.get("alone", {})),
        *_contestants(facts),
        *free(facts),
    ]


def _text(en: str, zh: str) -> Text:
    return Text(en=en, zh=zh)


def _speed(data: ReportData, timing: dict[str, float]) -> Iterator[_Line]:
    if "p95_ms" in timing:
        half, most, asked = (number(timing[name], 0) for name in ("p50_ms", "p95_ms", "latency_rows"))
        yield (
            _text("time of one answer", "单条回答耗时"),
            _text(
                f"half within {half} ms, 95 % within {most} ms (asked {asked} times, one at a time)",
                f"一半在 {half} 毫秒以内，95% 在 {most} 毫秒以内（逐条询问 {asked} 次）",
            ),
        )
    pace = timing.get("rows_per_second", 0.0)
    if not pace:
        return
    yield _text("in batches", "成批速度"), _text(f"{number(pace, 1)} rows/s", f"每秒 {number(pace, 1)} 条")
    if data.machine_hour is not None:
        price = f"{number(data.machine_hour / 3600 / pace * 1000, 4)} {data.currency}"
        yield (
            _text("machine cost of 1,000 answers, in batches", "每 1000 条回答的机器成本（成批）"),
            _text(price, price),
        )


def _forgetting(facts: dict[str, Any]) -> Iterator[_Line]:
    name = _text("forgetting", "遗忘")
    if "error" in facts:
        yield name, _text(f"not measured: {facts['error']}", f"未能测量：{facts.get('error_zh') or facts['error']}")
    if "rise" in facts:
        rise = f"{facts['rise']:+.3f} ({facts['low']:+.3f} … {facts['high']:+.3f})"
        across, many = f"{facts['before']:.3f} → {facts['after']:.3f}", facts["texts"]
        yield (
            name,
            _text(
                f"loss per token on {many} general texts, in nats: {across}, a rise of {rise}",
                f"{many} 条通用文本上每个 token 的损失（nat）：{across}，上升 {rise}",
            ),
        )


def _cut(facts: dict[str, Any]) -> Iterator[_Line]:
    cut, answers = facts.get("truncated", {}), facts.get("cut_answers", 0)
    thoughts = facts.get("truncated_thoughts", 0)
    if cut.get("rows"):
        rows, tokens = cut["rows"], cut["tokens"]
        yield (
            _text("inputs that were cut", "被截断的输入"),
            _text(f"{rows} rows, {tokens} tokens in all", f"{rows} 行，共 {tokens} 个 token"),
        )
    if answers:
        yield (
            _text("answers that were cut", "被截断的回答"),
            _text(f"{answers} rows", f"{answers} 行"),
        )
    if thoughts:
        yield (
            _text("answers whose thought was cut", "思考被截断的回答"),
            _text(f"{thoughts} rows", f"{thoughts} 行"),
        )


def _unjudged(facts: dict[str, int]) -> Iterator[_Line]:
    for why, rows in facts.items():
        if rows:
            reason = WORDS.get(why, _text(why, why))
            yield (
                _text("unjudged, wrong for nobody", "未评判（不算错）"),
                _text(f"{rows} rows: {reason.en}", f"{rows} 行：{reason.zh}"),
            )


def _restraint(facts: dict[str, Any]) -> Iterator[_Line]:
    held, outside = facts.get("abstention"), facts.get("none_of_these")
    if held and held["threshold"] is not None:
        right = "–" if held["precision"] is None else f"{held['precision']:.1%}"
        share, wanted = f"{held['coverage']:.1%}", f"{held['wanted']:.0%}"
        yield (
            _text("abstaining", "弃答"),
            _text(
                f"answers {share}, of which {right} are right ({wanted} wanted)",
                f"回答了 {share}，其中正确 {right}（要求 {wanted}）",
            ),
        )
    if outside:
        precision, recall, f1 = (
            "–" if outside[name] is None else f"{outside[name]:.3f}" for name in ("precision", "recall", "f1")
        )
        yield (
            WORDS["out of scope"],
            _text(
                f"{outside['rows']} rows: precision {precision}, recall {recall}, F1 {f1}",
                f"{outside['rows']} 行：精确率 {precision}，召回率 {recall}，F1 {f1}",
            ),
        )


def _order(facts: dict[str, Any]) -> Iterator[_Line]:
    if facts.get("rows"):
        share, rows, tried = f"{facts['stable']:.1%}", facts["rows"], facts["permutations"]
        yield (
            _text("order of the options", "选项顺序"),
            _text(
                f"{share} of {rows} answers stay the same under {tried} other orders",
                f"{rows} 行在另外 {tried} 种顺序下，{share} 的答案不变",
            ),
        )


def _alone(facts: dict[str, int]) -> Iterator[_Line]:
    if facts.get("rows", 0) > facts.get("same", 0):
        same, rows = facts["same"], facts["rows"]
        yield (
            _text("answers that depend on their batch", "随批次而变的答案"),
            _text(f"{same} of {rows} are the same when asked alone", f"单独询问时，{rows} 条中有 {same} 条答案相同"),
        )


def free(facts: dict[str, Any]) -> Iterator[_Line]:
    """Of free answers: how many were drawn, BLEU of all together, claims that no fact supports, words of warning."""
    if "drawn_from" not in facts:
        return
    told, others = facts["model"], facts["baselines"]
    many = facts["drawn_from"]
    yield _text("rows drawn from", "抽自"), _text(f"{many} rows", f"{many} 行")
    beside = ", ".join(f"{name} {one['corpus_bleu']:.3f}" for name, one in others.items())
    bleu = f"{told['corpus_bleu']:.3f}" + (f" ({beside})" if beside else "")
    yield _text("BLEU of all answers together", "全部回答的 BLEU"), _text(bleu, bleu)
    if told.get("unsupported"):
        kinds = [(WORDS.get(kind, _text(kind, kind)), count) for kind, count in told["unsupported"].items()]
        yield (
            _text("claims that stand in no fact", "没有事实依据的说法"),
            _text(
                ", ".join(f"{kind.en} {count}" for kind, count in kinds),
                "，".join(f"{kind.zh} {count}" for kind, count in kinds),
            ),
        )
    for note in facts["notes"]:
        yield _text("mind", "注意"), _text(note["en"], note["zh"])


def _contestants(facts: dict[str, Any]) -> Iterator[_Line]:
    for name, one in facts.get("baseline_facts", {}).items():
        cut, thoughts = one.get("cut_answers", 0), one.get("truncated_thoughts", 0)
        if cut:
            who = WORDS.get(name, _text(name, name))
            yield (
                _text(f"answers that were cut: {who.en}", f"被截断的回答：{who.zh}"),
                _text(
                    f"{cut} rows, {thoughts} of them in the middle of a thought",
                    f"{cut} 行，其中 {thoughts} 行仍在思考",
                ),
            )
    shots, champion = facts.get("baseline_facts", {}).get("few_shot"), facts.get("champion", {})
    if shots:
        shown = f"{shots['examples']} / {shots['wanted']}"
        en, zh = f"{shown} examples stand in its prompt", f"提示中放入 {shown} 个示例"
        if fewer := shots.get("fewer"):
            en, zh = f"{en}; in {fewer} long rows fewer", f"{zh}；其中 {fewer} 行较长，放入的更少"
        yield WORDS["few_shot"], _text(en, zh)
    if champion.get("release") is not None:
        number_, alias = champion["release"], champion["alias"]
        yield WORDS["champion"], _text(f"release {number_} ({alias})", f"第 {number_} 版（{alias}）")
