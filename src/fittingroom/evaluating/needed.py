"""How many rows would decide what is open, if the measured value stays where it is. Roughly: it will not stay."""

from __future__ import annotations

import math

from fittingroom.statistics.bounds import TAIL
from fittingroom.types import Interval

Span = tuple[float, float]
_MOST = 1e9
_HALVINGS = 60


def rows_needed(rows: int, found: Interval, limit: float, span: Span | None) -> int | None:
    """Rows at which the bound that is in the way would reach `limit`; None when the value sits on it.

    `span` is what a value can lie between. There the interval is likened to the binomial one (Clopper & Pearson) of as
    many trials as make it as wide, which grows narrower with the root of the rows in the middle and with the rows
    themselves at the ends: 72 right answers of 72 show 95 %. Without a span half-widths shrink with the root.
    """
    upwards = found.value >= limit
    gap, width = abs(found.value - limit), (found.value - found.low if upwards else found.high - found.value)
    if gap <= 1e-9 or width <= 0:
        return None
    if span is None:
        return max(rows + 1, round(rows * (width / gap) ** 2 + 0.5))
    low, high = span
    value, edge, wanted = ((one - low) / (high - low) for one in (found.value, found.low, limit))
    if not upwards:
        value, edge, wanted = 1 - value, (high - found.high) / (high - low), 1 - wanted
    now, then = _trials(value, edge) if edge > 1e-9 else float(rows), _trials(value, wanted)
    if then >= _MOST:
        return None
    return max(rows + 1, math.ceil(rows * then / now - 1e-6))


def rows_for_p(rows: int, p: float, wanted: float) -> int | None:
    """Rows at which a two-sided p-value would be `wanted`: its normal deviate grows with the root of the rows."""
    from scipy.special import ndtri

    deviate = -float(ndtri(p / 2))
    if deviate < 0.05:
        return None
    return max(rows + 1, math.ceil(rows * (float(ndtri(wanted / 2)) / deviate) ** 2))


def _trials(share: float, bound: float) -> float:
    """Trials [not whole ones] of which this share is right and whose lower bound is `bound`."""
    from scipy.special import betaincinv

    low, high = 1e-3, _MOST
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        reached = float(betaincinv(share * middle, (1 - share) * middle + 1, TAIL)) >= bound
        low, high = (low, middle) if reached else (middle, high)
    return high
