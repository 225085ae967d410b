"""Base models that a recipe names as candidates (`adapt.bases`), smallest first: the next one, asked of a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fittingroom.types import Expected, Remedy, Safety, Text


def larger(used: Mapping[str, Any]) -> str | None:
    """The candidate after the base that was used; the first where that is none of them; None where there is none."""
    bases, base = list(used["adapt"]["bases"]), used["model"]["base"]
    place = bases.index(base) + 1 if base in bases else 0
    return str(bases[place]) if place < len(bases) else None


def smaller(used: Mapping[str, Any]) -> str | None:
    """The candidate before the base that was used; None where that is the first, or none of them."""
    bases, base = list(used["adapt"]["bases"]), used["model"]["base"]
    place = bases.index(base) - 1 if base in bases else -1
    return str(bases[place]) if place >= 0 else None


def asked_for(used: Mapping[str, Any], base: str, expectation: Text, change: float) -> Remedy:
    """Another base, which a person must allow: it costs more, and may be licensed otherwise. A revision belongs to the
    base it was written for.
    """
    now = used["model"]["base"]
    patch: dict[str, Any] = {"model.base": base}
    if used["model"]["revision"] is not None:
        patch["model.revision"] = None
    return Remedy(
        title=Text(en=f"Base model {now} -> {base}", zh=f"基座模型 {now} -> {base}"),
        safety=Safety.ASK,
        patch=patch,
        expectation=expectation,
        expected=Expected(change=change),
    )
