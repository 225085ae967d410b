"""What stands beside the scores and changes how they are read: what a judge model said and how far people agree with
it, what an API labelled and what it cost, and what could be ranked at all.

The same lines stand on the page, in the Markdown for a pull request and in `report --json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fittingroom.reasons import in_chinese
from fittingroom.report.data import ReportData
from fittingroom.report.html import number
from fittingroom.report.words import WORDS
from fittingroom.types import Frozen, Text


class Told(Frozen):
    """A measurement in words."""

    name: Text
    said: Text


def beside(data: ReportData) -> list[Told]:
    """Of the part that counts, and of the road of the last attempt that labelled."""
    judged = data.last_judged()
    facts: Mapping[str, Any] = judged.facts if judged is not None else {}
    label: dict[str, Any] = next(
        (line.facts for view in reversed(data.attempts) for line in view.stages if line.stage == "label"), {}
    )
    found = [
        *_candidates(facts.get("candidates", {})),
        *_reach(facts.get("reach", {})),
        *_judge(facts.get("judge", {})),
        *_api(facts.get("baseline_facts", {}).get("api", {})),
        *_labeller(label.get("endpoint", {})),
    ]
    return [Told(name=_text(*name), said=_text(*said)) for name, said in found]


_Pair = tuple[str, str]
_Line = tuple[_Pair, _Pair]


def _text(en: str, zh: str) -> Text:
    return Text(en=en, zh=zh)


def _candidates(facts: Mapping[str, float]) -> Iterator[_Line]:
    """No order of the candidates has a higher recall: a low NDCG may be theirs, not the model's."""
    if not facts:
        return
    many, share = number(facts["mean"], 1), f"{facts['recall']:.1%}"
    yield (
        ("candidate recall: no order of them finds more", "候选召回率（任何排序的上限）"),
        (
            f"{share} of what would be right is among the {many} candidates that the model ranks (mean)",
            f"模型排序的候选平均 {many} 个，其中包含应得答案的 {share}",
        ),
    )


def _reach(facts: Mapping[str, Mapping[str, float]]) -> Iterator[_Line]:
    """What is shown to customers at all: a ranking of bestsellers alone is right often and shows few goods."""
    for kind, name in (
        ("coverage", ("share of the goods of training that is ever shown", "训练所知商品中被展示过的比例")),
        ("novelty", ("how little known what is shown is, in bits", "所展示商品的新颖度（比特）")),
    ):
        found = [(who, value) for who, one in facts.items() for key, value in one.items() if key.startswith(kind)]
        if found:
            told = [(WORDS[who] if who in WORDS else _text(who, who), _worth(kind, value)) for who, value in found]
            yield (
                name,
                (
                    ", ".join(f"{who.en} {value}" for who, value in told),
                    "，".join(f"{who.zh} {value}" for who, value in told),
                ),
            )


def _worth(kind: str, value: float) -> str:
    return f"{value:.1%}" if kind == "coverage" else f"{value:.2f}"


def _judge(facts: Mapping[str, Any]) -> Iterator[_Line]:
    name = ("judge model", "评判模型")
    if "error" in facts:
        yield name, (f"gave no verdict: {facts['error']}", f"没有给出评判：{facts.get('error_zh') or facts['error']}")
    if "pairs" not in facts:
        return
    yield name, _versions(facts)
    won = f"{facts['wins']} : {facts['losses']}"
    rate = facts.get("win_rate")
    en = f"{won} in {facts['pairs']} pairs, {facts['ties']} ties"
    zh = f"{facts['pairs']} 对中 {won}，平局 {facts['ties']}"
    if rate is not None:
        span = f"{rate['value']:.3f} ({rate['low']:.3f} … {rate['high']:.3f})"
        en, zh = f"{en}; win rate {span}", f"{zh}；胜率 {span}"
    if torn := facts["torn"]:
        en, zh = f"{en}; {torn} hang on the order and count as ties", f"{zh}；{torn} 对随顺序而变，按平局计"
    yield (f"by the judge, against {facts['against']}", f"评判模型：与 {facts['against']} 相比"), (en, zh)
    yield from _left_out(facts["unscored"], ("not read of the judge", "评判模型无法读取的回答"))
    yield (
        ("judge and people agree", "评判模型与人的一致度"),
        _agreement(facts["people"], ("no person judged these pairs: `fittingroom review --pairs`",
                                     "还没有人评过这些对：`fittingroom review --pairs`")),
    )  # fmt: skip
    yield ("cost of the judge", "评判模型的费用"), _cost(facts)


def _api(facts: Mapping[str, Any]) -> Iterator[_Line]:
    if "questions" in facts:
        yield ("hosted model", "云端模型"), _versions(facts)
        yield from _left_out(facts["not_used"], ("its answers that are unscored", "它的未评分的回答"))
        if short := facts.get("short"):
            yield (
                ("its orders that name fewer goods than asked for", "它列出的商品少于要求的回答"),
                (
                    f"{short}: the other goods follow as they were proposed",
                    f"{short} 个：其余商品按候选原有的次序排在后面",
                ),
            )
        yield ("cost of the hosted model", "云端模型的费用"), _cost(facts)


def _labeller(facts: Mapping[str, Any]) -> Iterator[_Line]:
    if "questions" not in facts:
        return
    en, zh = _versions(facts)
    yield ("rows labelled by an API", "由接口打标的行"), (f"{facts['name']}: {en}", f"{facts['name']}：{zh}")
    used, silent = facts["used"], facts["unlabelled"]
    yield (
        ("rows that only it labelled", "仅由它打标的行"),
        (f"{used} of {silent} that nobody had labelled", f"无人打标的 {silent} 行中有 {used} 行"),
    )
    yield from _left_out(facts["not_used"], ("its answers that were not used", "它的未采用的回答"))
    none = ("no row that people labelled was asked", "没有询问人已打标的行")
    yield ("the labeller and people agree", "接口与人的一致度"), _agreement(facts["agreement"], none)
    none = ("not measured", "未测量")
    yield ("it agrees with itself under another order", "换标签顺序后与自身的一致度"), _agreement(facts["order"], none)
    yield ("cost of labelling", "打标费用"), _cost(facts)


def _left_out(faults: Mapping[str, int], name: _Pair) -> Iterator[_Line]:
    if faults:
        yield (
            name,
            (
                ", ".join(f"{fault} {count}" for fault, count in faults.items()),
                "，".join(f"{in_chinese(fault)} {count}" for fault, count in faults.items()),
            ),
        )


def _versions(facts: Mapping[str, Any]) -> _Pair:
    """Versions as the API names them, and how many answers each gave."""
    if not facts["models"]:
        return "no answer", "没有回答"
    shown = facts["models"].items()
    return (
        ", ".join(f"{model} ({count} answers)" for model, count in shown),
        "、".join(f"{model}（{count} 条回答）" for model, count in shown),
    )


def _agreement(facts: Mapping[str, Any], none: _Pair) -> _Pair:
    if facts.get("share") is None:
        return none
    share, rows = f"{facts['share']:.1%}", facts["rows"]
    kappa = "–" if facts["kappa"] is None else f"{facts['kappa']:.3f}"
    return f"{share} of {rows} rows, Cohen's kappa {kappa}", f"{rows} 行中 {share}，Cohen's kappa {kappa}"


def _cost(facts: Mapping[str, Any]) -> _Pair:
    asked, tokens = facts["questions"], sum(facts["tokens"].get(kind, 0) for kind in ("sent", "cached", "answered"))
    money = None if facts["cost"] is None else f"{number(facts['cost'], 4)} {facts['currency']}".strip()
    return (
        f"{money or 'prices not known'}; {asked} questions, {tokens:,} tokens",
        f"{money or '价格未知'}；{asked} 个问题，{tokens:,} 个 token",
    )
