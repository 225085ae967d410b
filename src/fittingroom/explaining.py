"""The catalogue of pitfalls, for people: a line of each, and its page."""

from __future__ import annotations

import difflib

from fittingroom.errors import UserError
from fittingroom.types import Frozen, Page, Text


class PitfallRow(Frozen):
    """One line of the catalogue."""

    id: str
    family: str
    after: str
    title: Text


def explain(pitfall: str, language: str) -> Page:
    """A pitfall's page. Raises UserError for an id that is not in the catalogue."""
    from fittingroom.pitfalls import catalog, page

    known = catalog()
    if pitfall not in known:
        near = ", ".join(difflib.get_close_matches(pitfall, sorted(known), n=3, cutoff=0.5))
        hint = (f"did you mean {near}? ", f"是不是 {near}？") if near else ("", "")
        raise UserError(
            f"no such pitfall. {hint[0]}`fittingroom pitfalls` lists all {len(known)}",
            f"没有这个坑。{hint[1]}`fittingroom pitfalls` 列出全部 {len(known)} 个",
            place=pitfall,
        )
    return page(known[pitfall], language)


def rows() -> list[PitfallRow]:
    """All pitfalls, by stage."""
    from fittingroom.pitfalls import catalog, family, page

    return [
        PitfallRow(
            id=pitfall.id,
            family=family(pitfall),
            after=pitfall.after,
            title=Text(en=page(pitfall, "en").title, zh=page(pitfall, "zh").title),
        )
        for pitfall in sorted(catalog().values(), key=lambda pitfall: (pitfall.rank, pitfall.id))
    ]
