"""The condition of the gate that people decide: how often they prefer our answers (`review --pairs`).

People judge the answers to the dev part, which is what lets the test part be opened; of the test part nothing is asked.
Their word holds for exactly the answers that they read: another training gives others, and they are asked anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from fittingroom.evaluating.deciding import Decide, above, contestant, more, span
from fittingroom.sources.preferences import fingerprint, preferred
from fittingroom.types import Check, EvalReport, Frozen, GateDecision, Text, Verdict

NAME = "pairs at_least"


class PairsGate(Frozen):
    """What people must say of our answers beside others."""

    at_least: float = Field(default=0.5, ge=0, lt=1)
    """The win rate (a tie counts one half) that our answers must reach on dev."""
    against: str = Field(default="untuned", min_length=1)
    """Whose answers they are compared with: a baseline, or `target`, the answers that the data holds."""
    fewest: int = Field(default=20, ge=1)
    """Pairs that must be judged before anything is said: by both raters, unless `kappa` is -1."""
    kappa: float = Field(default=0.2, ge=-1, le=1)
    """How far the two raters must agree (Cohen's kappa) where both judged; below it their word decides nothing. -1:
    they need not agree, and one rater is enough."""


def checks(report: EvalReport, wanted: PairsGate | None, decide: Decide, root: Path) -> Iterator[Check]:
    """The condition, where the recipe has it and the part is dev."""
    if wanted is not None and report.part == "dev":
        yield check(report, wanted, decide, root)


def check(report: EvalReport, wanted: PairsGate, decide: Decide, root: Path) -> Check:
    """The win rate against `at_least`; INCONCLUSIVE while too few pairs are judged, or the raters disagree."""
    found, who = preferred(root, report, wanted.against), contestant(wanted.against)
    judged = found.judged if found is not None else 0
    if found is None or found.win_rate is None or judged < wanted.fewest:
        reason = Text(
            en=f"people have judged {judged} pairs against {who.en}, at least {wanted.fewest} are needed: "
            f"`fittingroom review --pairs --against {wanted.against}`, then `resume`",
            zh=f"人工已评判 {judged} 对（对比{who.zh}），至少需要 {wanted.fewest} 对："
            f"请用 `fittingroom review --pairs --against {wanted.against}` 发出，收回后再 `resume`",
        )
        return _open(reason, wanted, {"judged": float(judged)})
    measured = {
        "value": found.win_rate.value,
        "low": found.win_rate.low,
        "high": found.win_rate.high,
        "judged": float(judged),
        "by_both": float(found.by_both),
        **({"kappa": found.kappa} if found.kappa is not None else {}),
    }
    if found.kappa is not None and found.kappa < wanted.kappa:
        reason = Text(
            en=f"the two raters hardly agree (kappa {found.kappa:.2f} on {found.by_both} pairs, at least "
            f"{wanted.kappa:.2f} is asked for): agree on what is better, and judge again",
            zh=f"两位评判者几乎不一致（{found.by_both} 对上 kappa 为 {found.kappa:.2f}，要求至少 {wanted.kappa:.2f}）："
            "请先统一标准，再重新评判",
        )
        return _open(reason, wanted, measured)
    if wanted.kappa > -1 and found.by_both < wanted.fewest:
        reason = Text(
            en=f"both raters have judged {found.by_both} of the {judged} pairs; whether they agree shows on at least "
            f"{wanted.fewest}: let the other one judge too, {wanted.fewest - found.by_both} more (or set "
            "gate.pairs.kappa to -1, and one rater is enough)",
            zh=f"{judged} 对中只有 {found.by_both} 对由两位评判者都评过；至少 {wanted.fewest} 对才能看出是否一致："
            f"请让另一位再评 {wanted.fewest - found.by_both} 对（或把 gate.pairs.kappa 设为 -1，一位即可）",
        )
        return _open(reason, wanted, measured)
    verdict, shown = above(found.win_rate, wanted.at_least, decide), span(found.win_rate)
    tail = more(found.win_rate, wanted.at_least, judged, verdict, of=Text(en="pairs", zh="对"))
    said = {
        Verdict.PASS: Text(en="meets", zh="达到"),
        Verdict.FAIL: Text(en="misses", zh="未达到"),
        Verdict.INCONCLUSIVE: Text(en="cannot yet be told from", zh="尚不能确定是否达到"),
    }[verdict]
    reason = Text(
        en=f"people's win rate against {who.en} {shown.en} {said.en} the threshold {wanted.at_least:.3f}{tail.en}",
        zh=f"人工评判对{who.zh}的胜率 {shown.zh}{said.zh}门槛 {wanted.at_least:.3f}{tail.zh}",
    )
    return Check(name=NAME, verdict=verdict, measured=measured, limit=wanted.at_least, reason=reason)


def said_so_far(wanted: PairsGate | None, root: Path) -> dict[str, str]:
    """What the gate's result depends on beside its report, for the key under which it is kept."""
    found = fingerprint(root) if wanted is not None else ""
    return {"pairs": found} if found else {}


def waits_for_people(decision: GateDecision) -> Text | None:
    """What to ask people, when their word is all that is missing: another training would not help."""
    open_ones = [check for check in decision.checks if check.verdict is not Verdict.PASS]
    if [check.name for check in open_ones] == [NAME] and open_ones[0].verdict is Verdict.INCONCLUSIVE:
        return open_ones[0].reason
    return None


def _open(reason: Text, wanted: PairsGate, measured: dict[str, float]) -> Check:
    return Check(name=NAME, verdict=Verdict.INCONCLUSIVE, measured=measured, limit=wanted.at_least, reason=reason)
