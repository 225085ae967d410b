"""How long one answer takes, asked as customers ask: one at a time, through the road that serves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_WARM_UP = 2
_LONGEST = 60.0
"""Seconds after which measuring ends, with what was asked by then."""
FEWEST = 20
"""Answers that are asked for in any case."""


def one_at_a_time(ask: Callable[[T], object], inputs: Sequence[T], rows: int) -> dict[str, float]:
    """p50_ms, p95_ms (nearest rank) and latency_rows over `rows` of the inputs, spread evenly; {} for none.

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
        if len(took) >= FEWEST and time.monotonic() - started > _LONGEST:
            break
    took.sort()
    return {"p50_ms": _rank(took, 0.50), "p95_ms": _rank(took, 0.95), "latency_rows": float(len(took))}


def _rank(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    return round(ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)], 3)
