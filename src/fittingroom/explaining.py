"""The catalogue of pitfalls, for people: a line of each, and its page."""

from __future__ import annotations

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
        raise UserError(
            f"no such pitfall; known are {', '.join(sorted(known))}",
            f"没有这个坑；已知的有 {', '.join(sorted(known))}",
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
