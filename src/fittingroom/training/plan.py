"""Rules for what the recipe leaves to `auto`. Each returns the value and says why.

They are starting points from the number of rows and the size of the model, not searches: the loop corrects them by
what it measures. Sources: LoRA Without Regret (Schulman 2025: about ten times the rate of full fine-tuning, small
batches); the rates published with DeepSeek's and Qwen's own fine-tuning recipes (1e-5 for 1.5 to 7 billion
parameters).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fittingroom.training.config import TrainConfig

_SMALL = 500_000_000
"""Parameters below which a model is trained like a small one."""


class Choice(NamedTuple):
    """What the steps of a training are made of."""

    batch: int
    epochs: float
    rate: float
    steps: int


def choose(train: TrainConfig, rows: int, parameters: int, chosen: dict[str, str]) -> Choice:
    """The recipe's values, or for what it leaves to `auto` (or to be found) those of the rules, told in `chosen`."""
    batch, count, rate = train.batch_size, train.epochs, train.learning_rate
    if batch == "auto":
        batch, chosen["batch_size"] = batch_size(rows, train.method)
    if batch > rows:
        batch, chosen["batch_size"] = rows, f"all {rows} rows at once: there are fewer than {batch}"
    if count == "auto":
        count, chosen["epochs"] = epochs(rows, batch, parameters)
    if isinstance(rate, str):
        rate, chosen["learning_rate"] = learning_rate(parameters, train.method)
    return Choice(batch, count, rate, steps=max(1, math.ceil(math.ceil(rows / batch) * count)))


def batch_size(rows: int, method: str) -> tuple[int, str]:
    """A power of two between 8 and 32 with at least 50 steps an epoch (a LoRA of few, large steps learns worse)."""
    wanted = 2 ** int(math.log2(max(1, rows / 50)))
    chosen = max(8, min(32, wanted))
    return chosen, f"{rows} rows: about {math.ceil(rows / chosen)} steps an epoch"


def epochs(rows: int, batch: int, parameters: int) -> tuple[float, str]:
    """Enough epochs for 600 steps (small models, 2 to 20) or 300 (large ones, 2 to 5); early stopping ends sooner."""
    steps, most = (600, 20) if parameters < _SMALL else (300, 5)
    an_epoch = math.ceil(rows / batch)
    chosen = float(max(2, min(most, math.ceil(steps / an_epoch))))
    return chosen, f"about {int(chosen * an_epoch)} steps at most; early stopping ends sooner"


def learning_rate(parameters: int, method: str) -> tuple[float, str]:
    """1e-3 for 5 million parameters, falling to 1e-5 for 1.5 billion; ten times that for LoRA, up to 2e-3."""
    rate = 1e-3 * (5e6 / max(parameters, 5_000_000)) ** 0.8
    why = f"full fine-tuning of {parameters / 1e6:.0f} M parameters"
    if method not in ("full", "experts"):
        rate, why = min(2e-3, 10 * rate), f"LoRA on {parameters / 1e6:.0f} M parameters: ten times the rate of full"
    return float(f"{rate:.2g}"), why


def max_length(lengths: Sequence[int], context: int) -> tuple[int, str]:
    """The longest row, but not more than twice the 95th percentile (at least 64), and what the model can read."""
    ordered = sorted(lengths)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    wanted = min(ordered[-1], max(64, 2 * p95))
    chosen = max(16, min(context, 8 * math.ceil(wanted / 8)))
    over = sum(length > chosen for length in ordered)
    return chosen, f"longest row {ordered[-1]}, 95 % within {p95} tokens; {over} rows are cut"


def pass_tokens(longest: int, wanted: int, fits: Callable[[int], bool]) -> int:
    """The most tokens of a pass that fit into memory: `wanted`, or that halved until it fits, but at least the longest
    row; 0 when not even that one fits.
    """
    tokens = wanted
    while tokens > longest and not fits(tokens):
        tokens = max(longest, tokens // 2)
    return tokens if fits(tokens) else 0
