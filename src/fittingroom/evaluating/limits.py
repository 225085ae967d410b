"""The conditions of the gate beside scores: what was forgotten, and how long an answer takes."""

from __future__ import annotations

from typing import Any

from fittingroom.evaluating.deciding import Decide, below, more, span
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
    tail = more(found, limit, int(facts["texts"]), verdict, of=texts, at_most=True)
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


def slow(report: EvalReport, limit: float) -> Check:
    """The time within which 95 of 100 answers came, against its limit."""
    found = report.timing.get("p95_ms")
    if found is None:
        reason = Text(
            en="how long an answer takes was not measured: raise evaluate.latency_rows",
            zh="没有测量回答耗时：请调大 evaluate.latency_rows",
        )
        return Check(name="latency_ms", verdict=Verdict.INCONCLUSIVE, measured={}, limit=limit, reason=reason)
    verdict = Verdict.PASS if found <= limit else Verdict.FAIL
    asked = int(report.timing.get("latency_rows", 0))
    within = verdict is Verdict.PASS
    reason = Text(
        en=f"95 of 100 answers came within {found:.0f} ms (asked {asked} times, one at a time), "
        f"{'within' if within else 'beyond'} the limit of {limit:.0f} ms on this machine",
        zh=f"逐条询问 {asked} 次，95% 的回答在 {found:.0f} 毫秒以内，"
        f"{'没有超过' if within else '超过了'}本机上 {limit:.0f} 毫秒的限度",
    )
    measured = {"p95_ms": found, "p50_ms": report.timing.get("p50_ms", found), "rows": float(asked)}
    return Check(name="latency_ms", verdict=verdict, measured=measured, limit=limit, reason=reason)
