"""How one condition of the gate is decided and worded: by the bound or by the point, and how many rows would tell."""

from __future__ import annotations

from typing import Literal

from fittingroom.evaluating.needed import Span, rows_for_p, rows_needed
from fittingroom.types import Interval, Text, Verdict

Decide = Literal["bound", "point"]
NOTHING = Text(en="", zh="")
SHARE: Span = (0.0, 1.0)
"""Between what a metric can lie."""
DIFFERENCE: Span = (-1.0, 1.0)
P_LIMIT = 0.05
"""A baseline is beaten when its paired test says so too."""
_MANY = 1_000_000

_METRICS = {
    "accuracy": Text(en="accuracy", zh="准确率"),
    "macro_f1": Text(en="macro F1", zh="宏平均 F1"),
    "macro_precision": Text(en="macro precision", zh="宏平均精确率"),
    "macro_recall": Text(en="macro recall", zh="宏平均召回率"),
    "rouge_l": Text(en="ROUGE-L", zh="ROUGE-L"),
    "bleu": Text(en="BLEU", zh="BLEU"),
    "chrf": Text(en="chrF", zh="chrF"),
    "token_f1": Text(en="token F1", zh="词元 F1"),
    "exact_match": Text(en="exact match", zh="完全一致率"),
    "fact_consistency": Text(en="share of answers that keep to the facts", zh="事实一致率"),
    "hand_over_recall": Text(en="share of hand-overs caught", zh="转人工召回率"),
    "length_fits": Text(en="share of answers of a fitting length", zh="长度合适率"),
    "unrepeated": Text(en="share without repetition", zh="不重复程度"),
    "answered": Text(en="share answered", zh="回答率"),
    "coverage": Text(en="share of attributes named", zh="属性覆盖率"),
    "faithfulness": Text(en="share without an invented attribute", zh="属性真实率"),
    "lawful": Text(en="share without forbidden words", zh="不含违禁词的比例"),
    "distinct_2": Text(en="share of distinct word pairs", zh="不同词对比例"),
    "own_words": Text(en="share of own words", zh="非照抄比例"),
}
_CONTESTANTS = {
    "majority": Text(en="the most frequent answer", zh="最常见答案"),
    "tfidf": Text(en="the TF-IDF model", zh="TF-IDF 模型"),
    "untuned": Text(en="the untuned model", zh="未微调模型"),
    "few_shot": Text(en="the untuned model with examples", zh="带示例的未微调模型"),
    "encoder": Text(en="the small encoder", zh="小型编码器"),
    "head": Text(en="the linear head on the base model", zh="基座模型上的线性分类头"),
    "champion": Text(en="the former champion", zh="现役模型"),
    "retrieval": Text(en="the answer of the most similar row", zh="最相似数据的答案"),
    "template": Text(en="the most frequent answer text", zh="最常见的答案文本"),
    "popularity": Text(en="the most popular goods", zh="热门商品"),
    "item_knn": Text(en="the goods that go together", zh="关联商品"),
    "bm25": Text(en="BM25 on titles", zh="标题上的 BM25"),
    "api": Text(en="the hosted model", zh="云端模型"),
    "target": Text(en="the answers in the data", zh="数据中的回答"),
}


def metric_name(metric: str) -> Text:
    """A metric in words; one that has no word here stands for itself."""
    return _METRICS.get(metric, Text(en=metric, zh=metric))


def contestant(name: str) -> Text:
    """A baseline in words."""
    return _CONTESTANTS.get(name, Text(en=name, zh=name))


def above(found: Interval, limit: float, decide: Decide, *, strictly: bool = False) -> Verdict:
    """Whether a value lies at or above a limit (`strictly`: above it)."""

    def meets(value: float) -> bool:
        return value > limit if strictly else value >= limit

    if decide == "point":
        return Verdict.PASS if meets(found.value) else Verdict.FAIL
    if meets(found.low):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE if meets(found.high) else Verdict.FAIL


def below(found: Interval, limit: float, decide: Decide) -> Verdict:
    """Whether a value lies at or below a limit."""
    turned = Interval(value=-found.value, low=-found.high, high=-found.low)
    return above(turned, -limit, decide)


def more(
    found: Interval,
    limit: float,
    many: int,
    verdict: Verdict,
    *,
    within: Span | None = SHARE,
    of: Text | None = None,
    at_most: bool = False,
) -> Text:
    """For an open verdict: how many rows (or what `of` names) would tell, if the value stays where it is. `within`:
    between what it can lie, None for no bounds; `at_most`: the limit is one from above.
    """
    if verdict is not Verdict.INCONCLUSIVE:
        return NOTHING
    upwards = found.value >= limit
    passes = Text(en="pass", zh="通过") if upwards != at_most else Text(en="fail", zh="不通过")
    return _told(rows_needed(many, found, limit, within), many, of or _ROWS, passes)


def by_chance(p: float, many: int) -> Text:
    """Where the interval lies above the limit, but the paired test does not exclude luck."""
    tail = _told(rows_for_p(many, p, P_LIMIT), many, _ROWS, Text(en="pass", zh="通过"))
    return Text(
        en=f"; two that are alike would differ as much with p = {p:.3f}, at most {P_LIMIT} is asked for{tail.en}",
        zh=f"；两者相同时也会有 p = {p:.3f} 的可能出现这样的差值，要求不超过 {P_LIMIT}{tail.zh}",
    )


_ROWS = Text(en="rows", zh="行")


def _told(needed: int | None, many: int, what: Text, way: Text) -> Text:
    if needed is None or needed > _MANY:
        return Text(
            en=f"; the value sits on the limit, more {what.en} will hardly decide it: a better model or another limit "
            "will",
            zh="；测得的值正好在门槛上，增加数据很难得出结论：需要更好的模型或另一个门槛",
        )
    shown = _rounded(needed)
    return Text(
        en=f"; on {many} {what.en} luck is not excluded. If the value stays, about {shown} {what.en} would decide "
        f"({way.en}), {shown - many} more than there are",
        zh=f"；仅有 {many} {what.zh}，不能排除偶然。若测得的值不变，约需 {shown} {what.zh}才能得出结论（{way.zh}），"
        f"即再加 {shown - many} {what.zh}",
    )


def span(found: Interval, sign: str = "") -> Text:
    """A value with its interval."""
    low, high = f"{found.low:{sign}.3f}", f"{found.high:{sign}.3f}"
    return Text(
        en=f"{found.value:{sign}.3f} (95 % interval {low} to {high})",
        zh=f"{found.value:{sign}.3f}（95% 区间 {low} 至 {high}）",
    )


def _rounded(rows: int) -> int:
    """Two digits are all that such an estimate is worth."""
    unit = int(10 ** max(len(str(rows)) - 2, 0))
    return -(-rows // unit) * unit
