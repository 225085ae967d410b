"""When the model should rather say nothing: a threshold of confidence for a wanted precision, and how it fared.

Of ten shares of the calibration rows (the surest 10 %, 20 %, … all) the largest is taken whose answers are right often
enough beyond doubt: the exact lower bound of Clopper & Pearson (Biometrika 26, 1934) reaches the wanted precision, at a
level that is divided by the number of shares, for the best of ten looks is luck in part (Bonferroni). The point value
would promise too much: 9 of 10 right answers say little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from fittingroom.types import Frozen

if TYPE_CHECKING:
    import numpy as np

_SHARES = 10
_DOUBT = 0.05


class Abstention(Frozen):
    """A threshold of confidence, and what it was chosen by; stored in the bundle."""

    wanted: float
    """Precision that was asked for."""
    threshold: float | None
    """An answer of less confidence is withheld; None: no threshold reaches the precision, and nothing is withheld."""
    rows: int
    """Calibration rows that it was chosen on."""
    out_of_scope: int = 0
    """Of them, those whose answer is "none of these" though no training row was: any answer to them is wrong."""
    coverage: float
    """Share of them that is answered."""
    precision: float | None
    """Share of right answers among those; None where nothing is answered."""
    lower: float | None
    """Exact lower bound of it (95 %, for ten looks); without a threshold, the best bound that any share reached."""
    needed: int = Field(ge=1)
    """Rows without a single mistake that would be needed for the bound to reach the precision."""


def choose_threshold(
    confidence: Sequence[float] | np.ndarray,
    right: Sequence[bool] | np.ndarray,
    wanted: float,
    *,
    out_of_scope: int = 0,
) -> Abstention:
    """The threshold for a wanted precision in (0, 1), from confidence [n] and whether each answer was right [n]."""
    import numpy as np

    sure, good = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=bool)
    doubt = _DOUBT / _SHARES
    told: dict[str, Any] = {
        "wanted": wanted,
        "rows": len(sure),
        "out_of_scope": out_of_scope,
        "needed": math.ceil(math.log(doubt) / math.log(wanted)),
    }
    best = None
    ranked = np.sort(sure)[::-1]
    for share in range(_SHARES, 0, -1):
        count = len(sure) * share // _SHARES
        if not count:
            continue
        # Cut down, so that the rows it was chosen on stand above it as they are read back.
        threshold = math.floor(float(ranked[count - 1]) * 1e6) / 1e6
        said = good[sure >= threshold]
        hits = int(said.sum())
        lower = lower_bound(hits, len(said), doubt)
        best = lower if best is None else max(best, lower)
        if lower >= wanted:
            return Abstention(
                threshold=threshold,
                coverage=round(len(said) / len(sure), 6),
                precision=round(hits / len(said), 6),
                lower=round(lower, 6),
                **told,
            )
    whole = round(float(good.mean()), 6) if len(good) else None
    lower_told = None if best is None else round(best, 6)
    return Abstention(threshold=None, coverage=1.0, precision=whole, lower=lower_told, **told)


def lower_bound(hits: int, rows: int, doubt: float) -> float:
    """Exact one-sided lower bound of a share: below it only with probability `doubt` (Clopper & Pearson)."""
    from scipy.stats import beta

    return float(beta.ppf(doubt, hits, rows - hits + 1)) if hits else 0.0


def kept(confidence: np.ndarray, threshold: float | None) -> np.ndarray:
    """[n] booleans: which answers are given."""
    import numpy as np

    return np.ones(len(confidence), dtype=bool) if threshold is None else confidence >= threshold


def told(confidence: np.ndarray, right: np.ndarray, abstention: Abstention) -> dict[str, Any]:
    """How a threshold fares on other rows [n]: coverage and precision of what is answered, beside what was wanted."""
    given = kept(confidence, abstention.threshold)
    answered = int(given.sum())
    return {
        "wanted": abstention.wanted,
        "threshold": abstention.threshold,
        "rows": len(given),
        "answered": answered,
        "coverage": answered / len(given) if len(given) else 0.0,
        "precision": float(right[given].mean()) if answered else None,
        "promised": abstention.lower if abstention.threshold is not None else None,
    }


def out_of_scope(targets: Sequence[str], said: Sequence[str], none: str) -> dict[str, Any]:
    """ "None of these" judged on its own: rows, precision, recall and F1 (None where nothing can be divided).

    Apart from the other classes: among them it would be one of many, and what goes wrong with it costs differently.
    """
    wanted = sum(target == none for target in targets)
    given = sum(answer == none for answer in said)
    hits = sum(target == answer == none for target, answer in zip(targets, said, strict=True))
    return {
        "label": none,
        "rows": wanted,
        "said": given,
        "precision": hits / given if given else None,
        "recall": hits / wanted if wanted else None,
        "f1": 2 * hits / (wanted + given) if wanted + given else None,
    }
