"""Whether an answer keeps to its facts: numbers, prices, offers, sizes, colours, times, model codes must stand there.

Not a proof of truth: an answer without any of these passes, and so does a right number said of the wrong thing. What
fails is what a customer may hold a shop to: a price, an offer (half price, free shipping, buy one get one free) or a
period that nobody gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fittingroom.statistics.generation.claims import HALF_PRICE, Claim, claims
from fittingroom.statistics.generation.denials import unpromised
from fittingroom.statistics.generation.tokens import normal

_SIZED = re.compile(r"尺码|码数|鞋码|\bsizes?\b")
_HALF = frozenset({HALF_PRICE.value, "50 percent"})
"""5折 and 50 % come to the same price."""
_SPACE = re.compile(r"[\s_\-]+")


def unsupported(answer: str, facts: Iterable[str], said: Iterable[str] = ()) -> list[Claim]:
    """Claims of the answer that stand neither in the facts nor in what the customer said, where that may support them.

    A customer's height or order number may be repeated to them. The price or offer they would like is no fact, and
    where the facts tell colours (sizes), the customer's wish for another is none either: the shop knows which it has.
    To deny such a wish, or to ask back, promises nothing (`unpromised`).
    Where both name a unit it must be one of the same kind; a number in the facts without one supports that number in
    any unit, and the other way round, but for one that a word before it makes a count (库存 3, stock: 3): it is no
    price.
    """
    wanted = claims(answer)
    if not wanted:
        return []
    facts = list(facts)
    known, joined = _read(facts)
    heard, spoken = _read(said)
    own = {"price", "offer", *_told(facts, known)}
    left = [claim for claim in wanted if not _stands(claim, known, joined)]
    denied = unpromised(answer) if left else set()
    return [
        claim for claim in left if not ((claim.kind not in own or claim in denied) and _stands(claim, heard, spoken))
    ]


def _told(facts: Iterable[str], known: set[Claim]) -> set[str]:
    """Of colours and sizes, those that the facts tell; sizes may be bare numbers (尺码: 40, 41)."""
    kinds = {claim.kind for claim in known} & {"colour", "size"}
    sized = any(_SIZED.search(normal(text)) and claims(text, evidence=True) for text in facts)
    return kinds | {"size"} if sized else kinds


def consistent(answer: str, facts: Iterable[str], said: Iterable[str] = ()) -> float:
    """1 when every claim of the answer is supported, else 0: a customer is not helped by nine right prices of ten."""
    return float(not unsupported(answer, facts, said))


def _read(texts: Iterable[str]) -> tuple[set[Claim], str]:
    every = list(texts)
    return {claim for text in every for claim in claims(text, evidence=True)}, "\n".join(map(_packed, every))


def _packed(text: str) -> str:
    return _SPACE.sub("", normal(text))


def _stands(claim: Claim, known: set[Claim], joined: str) -> bool:
    if claim in known:
        return True
    if claim.kind == "code":
        return _packed(claim.value) in joined
    if claim.kind == "date":
        year, _, day = claim.value.partition("-")
        return any(
            one.kind == "date" and one.value.endswith(f"-{day}") and (year == "0" or one.value.startswith("0-"))
            for one in known
        )
    if claim.kind == "time":
        return any(one.kind == "number" and one.written == str(int(claim.value[:2])) for one in known) and (
            claim.value.endswith(":00")
        )
    if claim.kind == "size" and claim.value.isdigit():
        return any(one.kind == "number" and one.value == claim.value for one in known)
    if claim.kind not in ("number", "price"):
        return False
    return any(_same_number(claim, one) for one in known)


def _same_number(claim: Claim, one: Claim) -> bool:
    """Equal in the family's smallest unit, or as written where one of the two has no unit."""
    if one.kind == "size" and claim.kind == "number":
        return " " not in claim.value and claim.value == one.value
    if one.kind not in ("number", "price"):
        return False
    if " " in claim.value and " " in one.value:
        return claim.value == one.value or {claim.value, one.value} == _HALF
    return claim.written == one.written
