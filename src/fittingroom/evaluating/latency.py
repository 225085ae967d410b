"""How long one answer takes, asked as customers ask: one at a time, through the road that serves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_WARM_UP = 2
_LONGEST = 60.0
"""Seconds after which measuring ends, with what was asked by then, once it is as many as `TELLING`."""
_LONGEST_OF_ALL = 300.0
"""Seconds after which it ends with `FEWEST`."""
FEWEST = 20
"""Answers that are asked for in any case."""
TELLING = 72
"""From so many on the slowest is an upper bound of p95: all of 72 in time happens by luck in 2.5 % of cases."""
_TAIL = 0.025


def one_at_a_time(ask: Callable[[T], object], inputs: Sequence[T], rows: int) -> dict[str, float]:
    """p50_ms, p95_ms (nearest rank) and latency_rows over `rows` of the inputs, spread evenly; {} for none. With them
    p95_low_ms and p95_high_ms, the ends of the 95 % interval of p95, where so few answers have such an end.

    For `EvalReport.timing`: measurements of a machine are no part of a digest.
    """
    if not rows or not inputs:
        return {}
    step = max(1, len(inputs) // rows)
    chosen = list(inputs[::step])[:rows]
    for given in chosen[:_WARM_UP]:
        ask(given)
    took: list[float] = []
    started = time.monotonic()
    for given in chosen:
        before = time.perf_counter()
        ask(given)
        took.append((time.perf_counter() - before) * 1000)
        spent = time.monotonic() - started
        if len(took) >= FEWEST and spent > (_LONGEST if len(took) >= TELLING else _LONGEST_OF_ALL):
            break
    took.sort()
    found = {"p50_ms": _rank(took, 0.50), "p95_ms": _rank(took, 0.95), "latency_rows": float(len(took))}
    return found | ends_of_p95(took)


def ends_of_p95(ordered: Sequence[float]) -> dict[str, float]:
    """The order statistics that bound the 95th of a hundred, whatever the times are spread like: how many of n answers
    come within the true p95 is binomial (Conover 1999, chapter 3.2).
    """
    from scipy.special import bdtr

    many = len(ordered)
    at_most = [float(bdtr(count, many, 0.95)) for count in range(many)]  # P(so many are within the true p95)
    low = sum(share <= _TAIL for share in at_most)  # 0: there is none
    high = next((rank for rank in range(1, many + 1) if 1 - at_most[rank - 1] <= _TAIL), None)
    ends = {"p95_low_ms": low or None, "p95_high_ms": high}
    return {name: round(ordered[rank - 1], 3) for name, rank in ends.items() if rank is not None}


def _rank(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    return round(ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)], 3)
