"""The size of a pass, by trying: real steps forward and back over the longest rows, in passes twice as large each time.

The rows of a step, and so the effective batch, stay what they are: a smaller pass only means that a step is accumulated
over more of them, with the same loss. So memory and speed alone decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fittingroom.training.finders.watermark import Watermark
from fittingroom.training.passes import Layout
from fittingroom.training.rows import NO_REPLAY, Encoded, Replaying
from fittingroom.training.shortage import is_shortage, released
from fittingroom.training.steps import passes_back

_CLEARLY = 1.03
"""How many times as fast a larger pass must be to be worth its memory: timing is not more exact than that."""
_REPEATS = 2


@dataclass(frozen=True)
class Tried:
    """One size of a pass."""

    tokens: int
    fits: bool
    seconds: float = 0.0
    """Of a whole step, the quickest of a few."""
    tokens_per_second: float = 0.0
    """Tokens of the rows, each counted once however often it is computed."""
    bytes: int = 0
    """The most that was held, with what the optimiser will hold."""


@dataclass(frozen=True)
class Sizes:
    """All sizes that were tried, and the one to take; 0 where not even the longest row fits."""

    tried: list[Tried]
    tokens: int
    why: str

    def as_json(self) -> dict[str, Any]:
        """For the plan."""
        return {"tried": [asdict(one) for one in self.tried], "tokens": self.tokens, "why": self.why}


def largest_pass(
    model: Any,
    rows: Encoded,
    layout: Layout,
    *,
    batch: int,
    room: int,
    most: int,
    reserve: int = 0,
    need: Callable[[int], int] | None = None,
    replay: Replaying = NO_REPLAY,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sizes:
    """Try passes of the longest row's tokens, then twice as many, up to `most` or until memory (`room` bytes) is short.

    `model` is ready to learn; its gradients are cleared. `reserve`: bytes that training will hold and trying does not
    (the optimiser's). `need`: the estimate for a size, which says how much more the next one will take: on a CPU a
    size that would not fit is not tried, since the system ends a process there instead of telling it. `replay`: of the
    general rows behind the others as many, the longest again, as go with a step.
    """
    chosen = _longest(rows, batch, replay)
    sizes = _sizes(max(len(rows.ids[row]) for row in chosen), most)
    tried: list[Tried] = []
    for number, tokens in enumerate(sizes):
        progress(number, len(sizes))
        if tried and not _promising(tried[-1], tokens, room, need, layout, rows, chosen):
            break
        one = _try(model, rows, chosen, layout.within(tokens), room, reserve)
        tried.append(one)
        if not one.fits:
            break
    progress(len(sizes), len(sizes))
    return _best(tried, room)


def _longest(rows: Encoded, batch: int, replay: Replaying) -> list[int]:
    """The dearest step there can be: the longest rows, and the longest general ones."""
    own = len(rows) - replay.rows
    usable = sorted(rows.with_loss(), key=lambda row: (-len(rows.ids[row]), row))
    extra = max(1, round(replay.per_row * batch)) if replay.rows else 0
    return sorted([row for row in usable if row < own][:batch] + [row for row in usable if row >= own][:extra])


def _sizes(longest: int, most: int) -> list[int]:
    """From the longest row on, doubled up to `most`."""
    found = [longest]
    while 2 * found[-1] <= most:
        found.append(2 * found[-1])
    if found[-1] < most:
        found.append(most)
    return found


def _promising(
    last: Tried, tokens: int, room: int, need: Callable[[int], int] | None, layout: Layout, rows: Encoded, chosen: Any
) -> bool:
    """Whether a larger pass can change anything, and may fit by what the last one held."""
    ids = [rows.ids[row] for row in chosen]
    if layout.within(last.tokens).lay(ids).passes == layout.within(tokens).lay(ids).passes:
        return False
    grown = need(tokens) - need(last.tokens) if need is not None else last.bytes
    return last.bytes + grown <= room


def _try(model: Any, rows: Encoded, chosen: list[int], layout: Layout, room: int, reserve: int) -> Tried:
    """A step in passes of this size, a few times."""
    passes = layout.collate(rows, chosen)
    watermark, best, short = Watermark(model.device.type), float("inf"), False
    model.train()
    try:
        for _ in range(_REPEATS):
            started = time.perf_counter()
            passes_back(model, passes)
            _finish()
            best = min(best, time.perf_counter() - started)
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        short = True
    model.zero_grad(set_to_none=True)
    held = watermark.bytes() + reserve
    if short:
        released()
        return Tried(layout.budget, False)
    own = sum(len(rows.ids[row]) for row in chosen)
    return Tried(layout.budget, held <= room, round(best, 6), round(own / best, 1), held)


def _finish() -> None:
    """Wait for what a GPU still computes, so that the time is that of the work."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _best(tried: list[Tried], room: int) -> Sizes:
    """The fastest that fits; of about equally fast ones the smallest."""
    fitting = [one for one in tried if one.fits]
    if not fitting:
        return Sizes(tried, 0, f"not even the longest row fits into {room / 2**30:.1f} GiB")
    top = max(one.tokens_per_second for one in fitting)
    chosen = next(one for one in fitting if one.tokens_per_second * _CLEARLY >= top)
    why = f"{chosen.tokens_per_second:.0f} tokens/s in {chosen.bytes / 2**30:.2f} GiB; {len(tried)} sizes were tried"
    return Sizes(tried, chosen.tokens, why)
