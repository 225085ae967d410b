"""The conditions of the gate beside scores: what was forgotten, and how long an answer takes."""

from __future__ import annotations

from math import inf
from typing import Any

from fittingroom.evaluating.deciding import NOTHING, Decide, below, more, span
from fittingroom.evaluating.latency import FEWEST, TELLING
from fittingroom.types import Check, EvalReport, Interval, Text, Verdict


def forgotten(report: EvalReport, limit: float, decide: Decide) -> Check:
    """The rise of the loss on general texts against its limit; the upper end of its interval decides."""
    facts: dict[str, Any] = report.facts.get("forgetting", {})
    if "rise" not in facts:
        why = facts.get("error", "evaluate.forgetting.measure is false")
        why_zh = facts.get("error_zh") or facts.get("error", "evaluate.forgetting.measure 为 false")
        reason = Text(
            en=f"forgetting was not measured, so nothing can be said: {why}",
            zh=f"没有测量遗忘，无法判断：{why_zh}",
        )
        return Check(name="forgetting", verdict=Verdict.INCONCLUSIVE, measured={}, limit=limit, reason=reason)
    found = Interval(value=facts["rise"], low=facts["low"], high=facts["high"])
    verdict, shown = below(found, limit, decide), span(found, "+")
    texts = Text(en="texts", zh="条文本")
    tail = more(found, limit, int(facts["texts"]), verdict, within=None, of=texts, at_most=True)
    said = {
        Verdict.PASS: Text(en="stays within", zh="没有超过"),
        Verdict.FAIL: Text(en="exceeds", zh="超过了"),
        Verdict.INCONCLUSIVE: Text(en="cannot yet be told from", zh="尚不能确定是否超过"),
    }[verdict]
    reason = Text(
        en=f"the loss on general texts rose by {shown.en} nats per token, which {said.en} the limit {limit:.3f}"
        f"{tail.en}",
        zh=f"通用文本上每个 token 的损失上升 {shown.zh} nat，{said.zh}限度 {limit:.3f}{tail.zh}",
    )
    measured = {"rise": found.value, "low": found.low, "high": found.high, "texts": float(facts["texts"])}
    return Check(name="forgetting", verdict=verdict, measured=measured, limit=limit, reason=reason)


def slow(report: EvalReport, limit: float, decide: Decide) -> Check:
    """The time within which 95 of 100 answers came, against its limit; the ends of its interval decide."""
    timing = report.timing
    found, asked = timing.get("p95_ms"), int(timing.get("latency_rows", 0))
    if found is None or asked < FEWEST:
        reason = Text(
            en=f"how long an answer takes was measured {asked} times, at least {FEWEST} are needed: raise "
            "evaluate.latency_rows, or let the part have more rows",
            zh=f"只测量了 {asked} 次回答耗时，至少需要 {FEWEST} 次：请调大 evaluate.latency_rows，或让这一部分有更多行",
        )
        return Check(name="latency_ms", verdict=Verdict.INCONCLUSIVE, measured={}, limit=limit, reason=reason)
    low, high = timing.get("p95_low_ms", 0.0), timing.get("p95_high_ms", inf)
    verdict = below(Interval(value=found, low=low, high=high), limit, decide)
    said = {
        Verdict.PASS: Text(en="within the limit", zh="没有超过限度"),
        Verdict.FAIL: Text(en="beyond the limit", zh="超过了限度"),
        Verdict.INCONCLUSIVE: Text(en="which cannot yet be told from the limit", zh="尚不能确定是否超过限度"),
    }[verdict]
    tail = _ask_more(asked, found <= limit) if verdict is Verdict.INCONCLUSIVE else NOTHING
    most = f"{high:.0f}" if high < inf else "?"
    reason = Text(
        en=f"95 of 100 answers came within {found:.0f} ms (95 % interval {low:.0f} to {most}; asked {asked} times, one "
        f"at a time), {said.en} of {limit:.0f} ms on this machine{tail.en}",
        zh=f"逐条询问 {asked} 次，95% 的回答在 {found:.0f} 毫秒以内（95% 区间 {low:.0f} 至 {most}），"
        f"{said.zh}（本机上 {limit:.0f} 毫秒）{tail.zh}",
    )
    measured = {"p95_ms": found, "p50_ms": timing.get("p50_ms", found), "rows": float(asked)}
    measured |= {name: timing[name] for name in ("p95_low_ms", "p95_high_ms") if name in timing}
    return Check(name="latency_ms", verdict=verdict, measured=measured, limit=limit, reason=reason)


def _ask_more(asked: int, in_time: bool) -> Text:
    """So few answers cannot show it."""
    wanted = TELLING if asked < TELLING else 2 * asked
    way = Text(en="pass", zh="通过") if in_time else Text(en="fail", zh="不通过")
    return Text(
        en=f"; at least {wanted} must be asked to decide ({way.en}), {wanted - asked} more: raise "
        "evaluate.latency_rows",
        zh=f"；至少要询问 {wanted} 次才能得出结论（{way.zh}），即再加 {wanted - asked} 次："
        "请调大 evaluate.latency_rows",
    )
