"""What people prefer, as short plain text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fittingroom.sources.preferences import Preferred


def tell_preferred(found: Preferred, language: str) -> str:
    """What people prefer, and how far they agree."""
    zh = language.startswith("zh")
    rate, kappa = found.win_rate, "-" if found.kappa is None else f"{found.kappa:.2f}"
    if rate is None:
        return "还没有评判" if zh else "nothing is judged yet"
    span = f"{rate.value:.3f} ({rate.low:.3f} – {rate.high:.3f})"
    words = (found.ours, found.theirs, found.ties)
    if zh:
        return (
            f"对 {found.against} 的胜率 {span}，{found.pairs} 对中已评 {found.judged} 对，"
            f"其中两人都评 {found.by_both} 对\n胜、负、平：{words}；两人一致性 kappa {kappa}；选左边的比例 {found.left}"
        )
    return (
        f"win rate against {found.against}: {span}, 95 % interval; {found.judged} of {found.pairs} pairs judged, "
        f"{found.by_both} by both\n"
        f"for us, against, ties: {words}; kappa of the raters {kappa}; share of words for the left side {found.left}"
    )
