"""Which colours, sizes and offers an answer only denies (红色没有了) or asks about (您要红色吗？): it promises neither.

Rules, no model, clause by clause: a clause with a word of denial denies what it names; one that says nothing more than
that a thing is not there (目前缺货, "is sold out") denies what the clause before it names. What any other clause names
is promised. A denial in other words is not seen.
"""

from __future__ import annotations

import re

from fittingroom.statistics.generation.claims import HALF_PRICE, Claim, claims
from fittingroom.statistics.generation.tokens import normal

_CLAUSE = re.compile(r"((?:[^,。;!?.\n]|,(?=\d)|\.(?=\S))+)([,。;!?.\n]*)")
_GONE = (
    r"没有?(?:现?货|库存)|没了|无货|暂无|(?<!不)(?<!不会)(?:缺货|缺码|断货|断码)|售罄|售完|卖完|卖光|下架"
    r"|sold out|out of stock|unavailable|not available|(?:is|are) gone"
)
_DENIES = re.compile(
    rf"{_GONE}|没有(?!问题|关系|色差)|不(?:提供|生产|做|卖|出|含)|\bno\b(?! (?:problem|worries))|\bnot\b(?! only)|n't\b"
)
_ONLY_GONE = re.compile(
    rf"^[\s目前暂时现在已经都也是确实真的]*(?:{_GONE}|没有)[了的哦呢啦哈呀噢\s]*$"
    r"|^\s*(?:(?:it|that|this|they|those|which|is|are|both|currently|now|unfortunately|already|all)\s+)*"
    rf"(?:{_GONE})(?:\s+(?:now|today|currently|at the moment|right now))?\s*$"
)
_ASKS = re.compile(r"吗[^,]{0,2}$|是否")


def unpromised(answer: str) -> set[Claim]:
    """Colours, sizes and offers that the answer names only where it denies them or asks about them."""
    clauses = [(at[1], at[2]) for at in _CLAUSE.finditer(normal(answer))]
    found = [{claim for claim in claims(text) if _deniable(claim)} for text, _ in clauses]
    denied: set[Claim] = set()
    promised: set[Claim] = set()
    for place, (text, end) in enumerate(clauses):
        behind = clauses[place + 1][0] if place + 1 < len(clauses) else ""
        put_off = "?" in end or _ASKS.search(text) or _DENIES.search(text) or _ONLY_GONE.search(behind)
        (denied if put_off else promised).update(found[place])
    return denied - promised


def _deniable(claim: Claim) -> bool:
    return claim.kind in ("colour", "size", "offer") or claim == HALF_PRICE
